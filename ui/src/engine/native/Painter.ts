import { acknowledgement, type Frame, i420ToRgba } from "./frames";

/** Called with the canvas right after a frame was painted on it. */
export type OnPainted = (canvas: HTMLCanvasElement) => void;

/**
 * Paints one stream on any number of canvases: the latest frame, when its turn comes.
 *
 * A frame is acknowledged when it is painted, so a window that is hidden or slow gets no more than it shows.
 */
export class Painter {
  readonly #acknowledge: (message: ArrayBuffer) => void;
  readonly #inTurn: (paint: () => void) => void;
  readonly #canvases = new Set<HTMLCanvasElement>();
  readonly #watchers = new Set<OnPainted>();
  #latest: Frame | undefined;

  /** @param inTurn calls back once when the stream may paint, however often it was asked before */
  constructor(acknowledge: (message: ArrayBuffer) => void, inTurn: (paint: () => void) => void) {
    this.#acknowledge = acknowledge;
    this.#inTurn = inTurn;
  }

  mount(host: HTMLElement): () => void {
    const canvas = document.createElement("canvas");
    this.#canvases.add(canvas);
    host.append(canvas);
    return () => {
      this.#canvases.delete(canvas);
      canvas.remove();
    };
  }

  /** Hears of every painted frame that is shown somewhere. */
  watch(onPainted: OnPainted): () => void {
    this.#watchers.add(onPainted);
    return () => this.#watchers.delete(onPainted);
  }

  take(frame: Frame): void {
    this.#latest = frame;
    this.#inTurn(this.#paint);
  }

  /** The stream is over: the canvases go dark. */
  clear(): void {
    this.#latest = undefined;
    for (const canvas of this.#canvases) canvas.width = canvas.width;
  }

  readonly #paint = (): void => {
    const frame = this.#latest;
    if (frame === undefined) return;
    if (this.#canvases.size > 0) {
      const draw = drawing(frame);
      for (const canvas of this.#canvases) draw(canvas);
      draw.close();
    }
    this.#acknowledge(acknowledgement(frame));
    const [canvas] = this.#canvases;
    if (canvas !== undefined) for (const watcher of this.#watchers) watcher(canvas);
  };
}

type Drawing = ((canvas: HTMLCanvasElement) => void) & { close(): void };

/** How to draw a frame: by the browser's own conversion where it has one. */
function drawing(frame: Frame): Drawing {
  const { width, height, planes, captureTimeUs } = frame;
  const draw = (paint: (context: CanvasRenderingContext2D) => void) => (canvas: HTMLCanvasElement) => {
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { alpha: false });
    if (context !== null) paint(context);
  };
  if (!("VideoFrame" in window)) {
    const image = new ImageData(i420ToRgba(frame), width, height);
    return Object.assign(draw((context) => context.putImageData(image, 0, 0)), { close: () => undefined });
  }
  const picture = new VideoFrame(planes, {
    format: "I420",
    codedWidth: width,
    codedHeight: height,
    timestamp: captureTimeUs,
    colorSpace: { primaries: "smpte170m", transfer: "smpte170m", matrix: "smpte170m", fullRange: false },
  });
  return Object.assign(draw((context) => context.drawImage(picture, 0, 0)), { close: () => picture.close() });
}
