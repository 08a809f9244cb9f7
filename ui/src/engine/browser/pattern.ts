import type { OpenSource } from "./LocalSource";
import { markerCells, markerTime } from "./marker";

const WIDTH = 640;
const HEIGHT = 360;
const FRAMES_PER_SECOND = 15;
/** Bars from left to right, in the order of their brightness (SMPTE EG 1). */
const BARS = ["#bfbfbf", "#bfbf00", "#00bfbf", "#00bf00", "#bf00bf", "#bf0000", "#0000bf", "#101010"];

/** The synthetic camera: moving colour bars with the readable [marker](./marker.ts), 640x360 at 15 frames a second. */
export async function openPattern(): Promise<OpenSource> {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d", { alpha: false });
  const track = canvas.captureStream(0).getVideoTracks()[0] as CanvasCaptureMediaStreamTrack | undefined;
  if (context === null || track === undefined) throw new Error("the browser cannot film a canvas");

  let frame = 0;
  // A worker keeps time: a page's own timers go down to one a second when it is hidden.
  const clock = new Worker(new URL("./frameClock.ts", import.meta.url), { type: "module" });
  clock.onmessage = () => {
    draw(context, frame++);
    track.requestFrame();
  };
  clock.postMessage({ intervalMs: 1000 / FRAMES_PER_SECOND });
  return {
    track,
    close() {
      clock.terminate();
      track.stop();
    },
  };
}

function draw(context: CanvasRenderingContext2D, frame: number): void {
  const bar = WIDTH / BARS.length;
  const shift = (frame * 4) % WIDTH;
  for (let i = 0; i <= BARS.length; i++) {
    context.fillStyle = BARS[i % BARS.length] ?? "";
    context.fillRect(((i * bar + shift) % (WIDTH + bar)) - bar, 0, bar, HEIGHT);
  }
  for (const cell of markerCells({ frame, time: markerTime(performance.timeOrigin + performance.now()) }, WIDTH, HEIGHT)) {
    context.fillStyle = cell.white ? "#fff" : "#000";
    context.fillRect(cell.x, cell.y, cell.width, cell.height);
  }
  context.fillStyle = "#000a";
  context.fillRect(WIDTH / 2 - 70, HEIGHT / 2 - 26, 140, 52);
  context.fillStyle = "#fff";
  context.font = "28px monospace";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(frame).padStart(6, "0"), WIDTH / 2, HEIGHT / 2);
}
