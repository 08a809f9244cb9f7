import type { CallStats } from "../../generated/CallStats";
import type { Milestones } from "../../generated/Milestones";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { PeerConnection } from "./PeerConnection";
import type { SentSample } from "./SendingControl";
import { isCpuLimited, peerStats, type StatsReport } from "./stats";

const INTERVAL_MS = 1000;

/** Samples a call once a second, and notes when it reached its first states. */
export class StatsSampler {
  readonly #peers: ReadonlyMap<ParticipantId, PeerConnection>;
  readonly #report: (stats: CallStats, sent: SentSample[]) => void;
  readonly #before = new Map<ParticipantId, StatsReport>();
  readonly #startedAt = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #stopped = false;
  #milestones: Milestones = {
    joined_ms: null,
    peer_present_ms: null,
    connected_ms: null,
    first_audio_ms: null,
    first_frame_ms: null,
  };

  /** Begins with the wish to join. */
  constructor(
    peers: ReadonlyMap<ParticipantId, PeerConnection>,
    report: (stats: CallStats, sent: SentSample[]) => void,
  ) {
    this.#peers = peers;
    this.#report = report;
    this.#timer = setInterval(() => void this.#sample(), INTERVAL_MS);
  }

  /** Notes a milestone, the first time it is reached. */
  reached(milestone: keyof Milestones): void {
    this.#milestones = { ...this.#milestones, [milestone]: this.#milestones[milestone] ?? this.#timeMs() };
  }

  /** Nothing is reported from now on. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async #sample(): Promise<void> {
    const peers = [...this.#peers].map(async ([participant, connection]) => {
      const report = (await connection.stats()) as unknown as StatsReport;
      const stats = peerStats(participant, report, this.#before.get(participant), connection.sources);
      this.#before.set(participant, report);
      return { stats, cpuLimited: isCpuLimited(report) };
    });
    const sent = await Promise.all(peers);
    if (this.#stopped) return;
    const stats = sent.map(({ stats }) => stats);
    this.#report({ time_ms: this.#timeMs(), milestones: this.#milestones, peers: stats }, sent);
  }

  #timeMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }
}
