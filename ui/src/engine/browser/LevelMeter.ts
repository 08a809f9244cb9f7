import { level, levelAnalyser, soundContext } from "./soundContext";

const INTERVAL_MS = 100;

/** Measures how loud the own microphone is, ten times a second while there is one. */
export class LevelMeter {
  readonly #report: (level: number) => void;
  #stop: (() => void) | undefined;

  constructor(report: (level: number) => void) {
    this.#report = report;
  }

  /** Listens to this track from now on, or to none. */
  setTrack(track: MediaStreamTrack | undefined): void {
    this.#stop?.();
    this.#stop = undefined;
    if (track === undefined) return;
    const source = soundContext().createMediaStreamSource(new MediaStream([track]));
    const analyser = levelAnalyser();
    source.connect(analyser);
    const timer = setInterval(() => this.#report(level(analyser)), INTERVAL_MS);
    this.#stop = () => {
      clearInterval(timer);
      source.disconnect();
    };
  }
}
