import type { ScreenError } from "../../generated/ScreenError";
import type { ScreenErrorCode } from "../../generated/ScreenErrorCode";
import type { OpenSource } from "./LocalSource";
import { openPattern } from "./pattern";

const FRAMES_PER_SECOND = 30;

export interface LocalScreenObserver {
  /** Another track is shared from now on, or none. */
  track(track: MediaStreamTrack | undefined): void;
  /** Nothing is shared any more, or nothing could be; without an error if that was wished. */
  ended(error: ScreenError | undefined): void;
}

/** The own screen: what the browser lets the user choose, until it is stopped here or there. */
export class LocalScreen {
  readonly #observer: LocalScreenObserver;
  #current: OpenSource | undefined;
  /** Tells the latest wish from those that the user has not answered yet. */
  #wish = 0;

  constructor(observer: LocalScreenObserver) {
    this.#observer = observer;
  }

  get track(): MediaStreamTrack | undefined {
    return this.#current?.track;
  }

  /** Asks the user what to share. @param choice `pattern`, the test picture, is shared without asking */
  async share(choice: string | undefined): Promise<void> {
    const wish = ++this.#wish;
    try {
      const source = choice === "pattern" ? await openPattern() : await openDisplay();
      if (wish === this.#wish) this.#take(source);
      else source.close();
    } catch (cause) {
      if (wish === this.#wish) this.#observer.ended(screenError(cause));
    }
  }

  /** Ends the share, or the question for one. */
  stop(): void {
    this.#wish += 1;
    if (this.#close()) this.#observer.ended(undefined);
  }

  #take(source: OpenSource): void {
    this.#close();
    this.#current = source;
    // Sharp text before smooth motion (mst-content-hint).
    source.track.contentHint = "detail";
    // The browser's own button, or the shared window was closed.
    source.track.onended = () => {
      if (this.#current === source) this.stop();
    };
    this.#observer.track(source.track);
  }

  #close(): boolean {
    const source = this.#current;
    if (source === undefined) return false;
    this.#current = undefined;
    source.track.onended = null;
    source.close();
    this.#observer.track(undefined);
    return true;
  }
}

/** Whether this browser can share a screen at all; those of phones cannot. */
export function canShareScreen(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

async function openDisplay(): Promise<OpenSource> {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: { frameRate: { max: FRAMES_PER_SECOND }, width: { max: 1920 }, height: { max: 1080 } },
    audio: false,
  });
  const [track] = stream.getVideoTracks();
  if (track === undefined) throw new DOMException("the browser gave no track", "NotFoundError");
  return { track, close: () => track.stop() };
}

/** By the names of the Screen Capture specification, section 5.1. A user who changes their mind is no error. */
function screenError(cause: unknown): ScreenError | undefined {
  const { name, message } = cause instanceof Error ? cause : { name: "", message: String(cause) };
  const code = screenErrorCode(name);
  return code && { code, message };
}

function screenErrorCode(name: string): ScreenErrorCode | undefined {
  switch (name) {
    case "NotAllowedError":
    case "AbortError":
      return undefined;
    case "NotFoundError":
      return "not_found";
    case "SecurityError":
      return "denied";
    case "TypeError":
      return "unsupported";
    default:
      return "failed";
  }
}
