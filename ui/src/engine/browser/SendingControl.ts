import type { ParticipantId } from "../../generated/ParticipantId";
import type { PeerStats } from "../../generated/PeerStats";
import { formatFor } from "./cameraFormat";
import { BESIDE_SCREEN_BPS, besideSound, screenSoundBps, soundBps } from "./encodings";
import type { LocalMedia } from "./LocalMedia";
import type { PeerConnection } from "./PeerConnection";
import { VideoLadder } from "./VideoLadder";

/** What a connection's second of sending has shown. */
export interface SentSample {
  stats: PeerStats;
  /** Whether the browser holds the picture back for want of processor time. */
  cpuLimited: boolean;
}

/**
 * Fits what is sent to paths, processor and camera, whenever there are statistics: a ladder for each connection, whose
 * encoders are the browser's, and the one camera for the best of them.
 */
export class SendingControl {
  readonly #peers: ReadonlyMap<ParticipantId, PeerConnection>;
  readonly #local: LocalMedia;
  readonly #ladders = new Map<ParticipantId, VideoLadder>();
  #adapting = false;

  constructor(peers: ReadonlyMap<ParticipantId, PeerConnection>, local: LocalMedia) {
    this.#peers = peers;
    this.#local = local;
  }

  async handle(nowMs: number, samples: SentSample[]): Promise<void> {
    const best = this.#local.bestFormat;
    // A camera may take long to change; statistics of meanwhile say nothing of what it will deliver.
    if (best === undefined || this.#adapting) return;
    for (const gone of this.#ladders.keys()) if (!this.#peers.has(gone)) this.#ladders.delete(gone);
    const wanted = samples.map(({ stats: { participant, estimate_bps, sent_video }, cpuLimited }) => {
      const ladder = this.#ladders.get(participant) ?? new VideoLadder();
      this.#ladders.set(participant, ladder);
      // Nothing is known of a path yet, or nothing told.
      const availableBps = estimate_bps > 0 ? estimate_bps : undefined;
      const peer = this.#peers.get(participant);
      const mostBps = peer?.sendsScreen ? BESIDE_SCREEN_BPS : Infinity;
      const sample = {
        availableBps: availableBps && Math.min(mostBps, besideSound(availableBps, peer?.sendsScreenSound ?? false)),
        loss: sent_video.loss,
        cpuLimited,
        framesPerSecond: sent_video.frames_per_second,
      };
      const video = ladder.handle(nowMs, sample, best);
      return { participant, video, soundBps: soundBps(availableBps), screenSoundBps: screenSoundBps(availableBps) };
    });
    this.#adapting = true;
    // The encoders scale what the camera delivers: that has to be known first.
    await this.#local.setCameraFormat(formatFor(wanted.map(({ video }) => video)));
    this.#adapting = false;
    for (const { participant, ...limits } of wanted) this.#peers.get(participant)?.setLimits(limits);
  }
}
