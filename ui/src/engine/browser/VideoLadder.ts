/** What a picture is sent as. */
export interface VideoFormat {
  /** Pixels, as of a picture that is wider than high. */
  width: number;
  height: number;
  framesPerSecond: number;
}

/** The most that the browser shall make of a path. */
export interface VideoTarget extends VideoFormat {
  maxBps: number;
}

/** What a second of sending has shown. */
export interface SendingSample {
  /** What the browser takes the path for, in bit/s; undefined where it does not tell. */
  availableBps: number | undefined;
  /** Share of the packets that did not arrive, 0 to 1. */
  loss: number;
  /** Whether the browser holds back for want of processor time. */
  cpuLimited: boolean;
  framesPerSecond: number;
}

interface Rung extends VideoTarget {
  /** Bit/s below which the next rung down looks better. */
  minBps: number;
}

/** From best to least; the same as `crates/congestion/src/targets/rungs.rs`. */
const LADDER = [
  { framesPerSecond: 30, width: 1280, height: 720, minBps: 1_600_000, maxBps: 2_500_000 },
  { framesPerSecond: 20, width: 1280, height: 720, minBps: 1_200_000, maxBps: 2_000_000 },
  { framesPerSecond: 30, width: 960, height: 540, minBps: 800_000, maxBps: 1_800_000 },
  { framesPerSecond: 20, width: 960, height: 540, minBps: 450_000, maxBps: 1_600_000 },
  { framesPerSecond: 15, width: 960, height: 540, minBps: 220_000, maxBps: 1_500_000 },
  { framesPerSecond: 30, width: 640, height: 360, minBps: 200_000, maxBps: 1_000_000 },
  { framesPerSecond: 15, width: 640, height: 360, minBps: 90_000, maxBps: 800_000 },
  { framesPerSecond: 10, width: 640, height: 360, minBps: 60_000, maxBps: 400_000 },
  { framesPerSecond: 7, width: 640, height: 360, minBps: 40_000, maxBps: 250_000 },
  { framesPerSecond: 15, width: 320, height: 180, minBps: 30_000, maxBps: 200_000 },
  { framesPerSecond: 10, width: 320, height: 180, minBps: 15_000, maxBps: 150_000 },
  { framesPerSecond: 7, width: 320, height: 180, minBps: 0, maxBps: 80_000 },
] as const satisfies Rung[];
const START = 6;

/** What every call begins with, and every camera and processor is taken to be up to. */
export const START_TARGET: VideoTarget = LADDER[START];

/** The better rung must be affordable with this much to spare, this long, before it is taken. */
const CLIMB_MARGIN = 1.3;
const CLIMB_PATIENCE_MS = 3_000;
/** A path that loses more is not asked for more, and one that loses much carries only what arrives. */
const LOSS_TO_STAY = 0.05;
const LOSS_TO_FALL = 0.1;
/** A rung that is not affordable is left after this time, or at once below this share of what it needs. */
const FALL_PATIENCE_MS = 700;
const FALL_AT_ONCE = 0.5;
/** A rung that processor or camera are not up to is left after this time: they make fewer frames than this share. */
const STRAIN_PATIENCE_MS = 3_000;
const ENOUGH_FRAMES = 0.75;
/** Then nothing better is tried for this long, and twice as long each time that it fails again. */
const FIRST_REST_MS = 30_000;
const LONGEST_REST_MS = 480_000;

/**
 * What is sent over one connection: the browser lowers the bitrate by itself; below that the frame rate goes down first,
 * then the size, and they come back in the opposite order, with hysteresis. Better than the beginning is only taken when
 * the path has proven that it takes it, and is left when processor or camera do not keep up.
 *
 * Never looks at a clock: times are arguments.
 */
export class VideoLadder {
  #rung = START;
  /** Since when the next better rung has been affordable. */
  #affordableSinceMs: number | undefined;
  /** Since when this one has not been. */
  #shortSinceMs: number | undefined;
  /** Since when too few frames are made. */
  #strainedSinceMs: number | undefined;
  #restMs = FIRST_REST_MS;
  #restsUntilMs = -Infinity;

  get target(): VideoTarget {
    return LADDER[this.#rung] ?? START_TARGET;
  }

  /** @param best what the camera can deliver at most */
  handle(nowMs: number, sample: SendingSample, best: VideoFormat): VideoTarget {
    const { availableBps, loss } = sample;
    const before = this.#rung;
    this.#giveWay(nowMs, sample, best.framesPerSecond);
    if (availableBps !== undefined) {
      this.#fall(nowMs, loss >= LOSS_TO_FALL ? availableBps * (1 - loss) : availableBps);
      if (this.#rung === before) this.#climb(nowMs, loss >= LOSS_TO_STAY ? 0 : availableBps, best);
    }
    // Another camera may have less than the last one.
    while (!delivers(best, this.#rung)) this.#rung += 1;
    if (this.#rung !== before) {
      this.#affordableSinceMs = this.#shortSinceMs = this.#strainedSinceMs = undefined;
    }
    return this.target;
  }

  /** To the next rung down when this one is too much for the processor. */
  #giveWay(nowMs: number, { cpuLimited, framesPerSecond }: SendingSample, cameraFramesPerSecond: number): void {
    const wanted = Math.min(this.target.framesPerSecond, cameraFramesPerSecond);
    const strained = cpuLimited || framesPerSecond < ENOUGH_FRAMES * wanted;
    if (!strained) {
      this.#strainedSinceMs = undefined;
      return;
    }
    this.#strainedSinceMs ??= nowMs;
    if (this.#rung >= START || nowMs - this.#strainedSinceMs < STRAIN_PATIENCE_MS) return;
    this.#rung += 1;
    this.#restsUntilMs = nowMs + this.#restMs;
    this.#restMs = Math.min(2 * this.#restMs, LONGEST_REST_MS);
  }

  #fall(nowMs: number, availableBps: number): void {
    const affordable = (rung: number): boolean => availableBps >= (LADDER[rung]?.minBps ?? 0);
    if (affordable(this.#rung)) {
      this.#shortSinceMs = undefined;
      return;
    }
    this.#shortSinceMs ??= nowMs;
    const isLong = nowMs - this.#shortSinceMs >= FALL_PATIENCE_MS;
    const isDeep = availableBps < FALL_AT_ONCE * (LADDER[this.#rung]?.minBps ?? 0);
    if (isLong || isDeep) while (!affordable(this.#rung)) this.#rung += 1;
  }

  #climb(nowMs: number, availableBps: number, best: VideoFormat): void {
    const better = LADDER.findLastIndex((_, rung) => rung < this.#rung && delivers(best, rung));
    const rests = this.#rung <= START && (this.#strainedSinceMs !== undefined || nowMs < this.#restsUntilMs);
    if (better < 0 || rests || availableBps < CLIMB_MARGIN * (LADDER[better]?.minBps ?? 0)) {
      this.#affordableSinceMs = undefined;
      return;
    }
    this.#affordableSinceMs ??= nowMs;
    if (nowMs - this.#affordableSinceMs >= CLIMB_PATIENCE_MS) this.#rung = better;
  }
}

/** Whether a camera has what the rung is better for. One that is slower takes it if it is faster than the next slower one. */
function delivers(camera: VideoFormat, index: number): boolean {
  const rung = LADDER[index];
  if (index >= START || rung === undefined) return true;
  const slower = LADDER.slice(index + 1).find(({ height }) => height === rung.height)?.framesPerSecond ?? 0;
  return camera.width >= rung.width && camera.height >= rung.height && camera.framesPerSecond > slower;
}
