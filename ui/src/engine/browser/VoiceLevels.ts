import type { ParticipantLevel } from "../../generated/ParticipantLevel";
import type { RemoteSound } from "./RemoteSound";

const INTERVAL_MS = 100;

/** Tells how loud the others are, ten times a second while there are any. */
export class VoiceLevels {
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(sound: RemoteSound, report: (levels: ParticipantLevel[]) => void) {
    this.#timer = setInterval(() => {
      const levels = sound.levels();
      if (levels.length > 0) report(levels);
    }, INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
