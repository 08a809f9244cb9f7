import type { StreamId } from "../../generated/StreamId";
import { streamKey } from "../CallEngine";

/** What streams tell. */
export interface VideoObserver {
  started(stream: StreamId): void;
  ended(stream: StreamId): void;
}

/** The streams of pictures there are, and the places on the page that show them. */
export class VideoStreams {
  readonly #observer: VideoObserver;
  readonly #tracks = new Map<string, MediaStreamTrack>();
  readonly #elements = new Map<string, Set<HTMLVideoElement>>();

  constructor(observer: VideoObserver) {
    this.#observer = observer;
  }

  track(stream: StreamId): MediaStreamTrack | undefined {
    return this.#tracks.get(streamKey(stream));
  }

  /** Sets or takes away the track of a stream, wherever it is shown. */
  set(stream: StreamId, track: MediaStreamTrack | undefined): void {
    const key = streamKey(stream);
    const before = this.#tracks.get(key);
    if (before === track) return;
    if (track === undefined) this.#tracks.delete(key);
    else this.#tracks.set(key, track);
    for (const element of this.#elements.get(key) ?? []) show(element, track);
    if (before !== undefined) this.#observer.ended(stream);
    if (track !== undefined) this.#observer.started(stream);
  }

  mount(stream: StreamId, host: HTMLElement): () => void {
    const key = streamKey(stream);
    const element = document.createElement("video");
    element.autoplay = true;
    element.playsInline = true;
    // Sound has an element of its own; a muted picture may always play.
    element.muted = true;
    const elements = this.#elements.get(key) ?? new Set();
    this.#elements.set(key, elements.add(element));
    host.append(element);
    show(element, this.#tracks.get(key));
    return () => {
      elements.delete(element);
      element.srcObject = null;
      element.remove();
    };
  }
}

function show(element: HTMLVideoElement, track: MediaStreamTrack | undefined): void {
  element.srcObject = track === undefined ? null : new MediaStream([track]);
}
