import type { ScreenError } from "../../generated/ScreenError";
import type { ScreenErrorCode } from "../../generated/ScreenErrorCode";
import type { OpenSource } from "./LocalSource";
import { openPattern } from "./pattern";
import { openTone } from "./tone";

const FRAMES_PER_SECOND = 30;
/** Told from the microphone's tone. */
const PATTERN_HZ = 1000;

/** A screen, and its sound if there is any. */
interface OpenScreen extends OpenSource {
  sound: MediaStreamTrack | undefined;
}

/** What the Screen Capture specification has beyond the types that come with the language. */
interface DisplayMediaOptions extends DisplayMediaStreamOptions {
  audio: MediaTrackConstraints & { suppressLocalAudioPlayback: boolean; restrictOwnAudio: boolean };
  systemAudio: "include" | "exclude";
}

/** Sound as it is: no voice, and without that of this page, which has the others in it. */
const SOUND: DisplayMediaOptions["audio"] = {
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
  suppressLocalAudioPlayback: false,
  restrictOwnAudio: true,
};

export interface LocalScreenObserver {
  /** Another track is shared from now on, or none. */
  track(track: MediaStreamTrack | undefined): void;
  /** Nothing is shared any more, or nothing could be; without an error if that was wished. */
  ended(error: ScreenError | undefined): void;
}

/** The own screen: what the browser lets the user choose, until it is stopped here or there. */
export class LocalScreen {
  readonly #observer: LocalScreenObserver;
  #current: OpenScreen | undefined;
  /** Tells the latest wish from those that the user has not answered yet. */
  #wish = 0;

  constructor(observer: LocalScreenObserver) {
    this.#observer = observer;
  }

  get track(): MediaStreamTrack | undefined {
    return this.#current?.track;
  }

  /** What is heard of it. */
  get sound(): MediaStreamTrack | undefined {
    return this.#current?.sound;
  }

  /**
   * Asks the user what to share.
   *
   * @param choice `pattern`, the test picture, is shared without asking, and sounds like a tone
   * @param sound ask for the sound too, where the browser can give it
   */
  async share(choice: string | undefined, sound: boolean): Promise<void> {
    const wish = ++this.#wish;
    try {
      const source = choice === "pattern" ? await openTestScreen(sound) : await openDisplay(sound);
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

  #take(source: OpenScreen): void {
    this.#close();
    this.#current = source;
    // Sharp text before smooth motion (mst-content-hint).
    source.track.contentHint = "detail";
    if (source.sound !== undefined) source.sound.contentHint = "music";
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

async function openDisplay(withSound: boolean): Promise<OpenScreen> {
  const video = { frameRate: { max: FRAMES_PER_SECOND }, width: { max: 1920 }, height: { max: 1080 } };
  const options: DisplayMediaOptions = { video, audio: SOUND, systemAudio: "include" };
  const stream = await navigator.mediaDevices.getDisplayMedia(withSound ? options : { video, audio: false });
  const [track] = stream.getVideoTracks();
  const [sound] = stream.getAudioTracks();
  if (track === undefined) throw new DOMException("the browser gave no track", "NotFoundError");
  return { track, sound, close: () => stream.getTracks().forEach((each) => each.stop()) };
}

async function openTestScreen(withSound: boolean): Promise<OpenScreen> {
  const picture = await openPattern();
  const tone = withSound ? await openTone(PATTERN_HZ) : undefined;
  const close = (): void => [picture, tone].forEach((source) => source?.close());
  return { track: picture.track, sound: tone?.track, close };
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
