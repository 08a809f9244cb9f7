import type { ParticipantId } from "../../generated/ParticipantId";
import type { ParticipantLevel } from "../../generated/ParticipantLevel";
import type { PeerConnection } from "./PeerConnection";

const INTERVAL_MS = 100;

/** Tells how loud the others are, ten times a second while anybody sends sound. */
export class VoiceLevels {
  readonly #peers: ReadonlyMap<ParticipantId, PeerConnection>;
  readonly #report: (levels: ParticipantLevel[]) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  /** RTP timestamps of what was measured last. */
  readonly #measured = new Map<ParticipantId, number>();

  constructor(peers: ReadonlyMap<ParticipantId, PeerConnection>, report: (levels: ParticipantLevel[]) => void) {
    this.#peers = peers;
    this.#report = report;
    this.#timer = setInterval(() => this.#sample(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const levels = [...this.#peers].flatMap(([participant, connection]) => {
      const sound = connection.soundSource();
      return sound === undefined ? [] : [{ participant, level: this.#level(participant, sound) }];
    });
    if (levels.length > 0) this.#report(levels);
  }

  /** What was measured before is no news: nothing has come since. */
  #level(participant: ParticipantId, { rtpTimestamp, audioLevel = 0 }: RTCRtpSynchronizationSource): number {
    const isNew = this.#measured.get(participant) !== rtpTimestamp;
    this.#measured.set(participant, rtpTimestamp);
    return isNew ? audioLevel : 0;
  }
}
