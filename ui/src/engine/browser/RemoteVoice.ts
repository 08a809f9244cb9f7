import { limited } from "../../volume";
import { level, levelAnalyser, soundContext } from "./soundContext";

/** The most that anything is multiplied with: a participant and everybody, at their most. */
const MOST_GAIN = 16;
const CURVE_POINTS = 8191;
/** How fast a gain follows, in seconds: too slow to click. */
const FADE_S = 0.01;

/**
 * The sound of one track as it is played.
 *
 * An element plays what is to be quieter or as it came. Only what is to be louder goes through an audio graph, which not
 * every browser's echo canceller listens to.
 */
export class RemoteVoice {
  readonly track: MediaStreamTrack;
  readonly element = new Audio();
  readonly #stream: MediaStream;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #analyser = levelAnalyser();
  readonly #onContext = (): void => this.#apply();
  #gain = 1;
  #amplifier: Amplifier | undefined;

  constructor(track: MediaStreamTrack) {
    this.track = track;
    this.#stream = new MediaStream([track]);
    this.element.srcObject = this.#stream;
    this.#source = soundContext().createMediaStreamSource(this.#stream);
    this.#source.connect(this.#analyser);
  }

  /** How loud it comes in, 0 to 1, whatever it is multiplied with. */
  level(): number {
    return level(this.#analyser);
  }

  /** What every sample is multiplied with, 0 to 16. */
  setGain(gain: number): void {
    this.#gain = gain;
    this.#apply();
  }

  close(): void {
    this.#gain = 0;
    this.#amplifier?.close();
    this.#amplifier = undefined;
    this.#source.disconnect();
    this.element.srcObject = null;
  }

  #apply(): void {
    const wanted = this.#gain > 1 && this.#amplifierMayRun();
    if (wanted && this.#amplifier === undefined) {
      this.#amplifier = new Amplifier(this.#stream, this.#source);
      this.#play(this.#amplifier.output);
    }
    if (!wanted && this.#amplifier !== undefined) {
      this.#play(this.#stream);
      this.#amplifier.close();
      this.#amplifier = undefined;
    }
    this.#amplifier?.setGain(this.#gain);
    this.element.volume = Math.min(this.#gain, 1);
  }

  /** A graph is silent until the user has acted; the sound is only as loud as it came until then. */
  #amplifierMayRun(): boolean {
    const context = soundContext();
    if (context.state === "running") return true;
    context.addEventListener("statechange", this.#onContext, { once: true });
    return false;
  }

  #play(stream: MediaStream): void {
    const { paused } = this.element;
    this.element.srcObject = stream;
    // It played before, so it may play now; if not, whoever starts it will try again.
    if (!paused) this.element.play().catch(() => undefined);
  }
}

/** Makes a stream louder, and limits what becomes too loud. */
class Amplifier {
  readonly #source: MediaStreamAudioSourceNode;
  readonly #gain: GainNode;
  readonly #output: MediaStreamAudioDestinationNode;
  /** Chromium decodes a track for a graph only while an element has it (crbug.com/121673). */
  readonly #drain = new Audio();

  constructor(stream: MediaStream, source: MediaStreamAudioSourceNode) {
    const { context } = source;
    this.#source = source;
    this.#drain.muted = true;
    this.#drain.srcObject = stream;
    this.#gain = new GainNode(context, { gain: 1 / MOST_GAIN });
    const limiter = new WaveShaperNode(context, { curve: limiterCurve() });
    this.#output = new MediaStreamAudioDestinationNode(soundContext());
    this.#source.connect(this.#gain).connect(limiter).connect(this.#output);
  }

  get output(): MediaStream {
    return this.#output.stream;
  }

  setGain(gain: number): void {
    this.#gain.gain.setTargetAtTime(gain / MOST_GAIN, this.#gain.context.currentTime, FADE_S);
  }

  close(): void {
    this.#source.disconnect(this.#gain);
    this.#drain.srcObject = null;
  }
}

/** A shaper takes samples of -1 to 1: those of the limiter, as much smaller as the gain before it is. */
function limiterCurve(): Float32Array<ArrayBuffer> {
  const middle = (CURVE_POINTS - 1) / 2;
  return Float32Array.from({ length: CURVE_POINTS }, (_, point) => limited(((point - middle) / middle) * MOST_GAIN));
}
