import type { Source } from "./sections";
import { START_TARGET, type VideoTarget } from "./VideoLadder";

/**
 * What Opus takes of a path, in bit/s, from best to least. Each packet carries the one before it once more, whatever the
 * path is like: a browser that has begun to does not stop.
 */
const SOUND = [
  { fromBps: 400_000, bps: 32_000 },
  { fromBps: 250_000, bps: 24_000 },
  { fromBps: 130_000, bps: 16_000 },
];
const LEAST_SOUND_BPS = 12_000;
/** The same of a screen's sound, without copies, as `crates/congestion/src/targets/screen_sound.rs`; none on a narrower path. */
const SCREEN_SOUND = [
  { fromBps: 700_000, bps: 64_000 },
  { fromBps: 450_000, bps: 48_000 },
  { fromBps: 300_000, bps: 32_000 },
  { fromBps: 200_000, bps: 24_000 },
];
/** What the headers of 50 packets a second take, in bit/s. */
const HEADERS_BPS = 25_000;

/** Every Visavis client has these; the rest stays as a choice for later. RED is Opus with a copy of the packet before. */
const PREFERRED: Record<Source, string[]> = {
  audio: ["audio/red", "audio/opus"],
  screen_sound: ["audio/opus"],
  video: ["video/vp8"],
  screen: ["video/vp8"],
};

/** The codecs of a source's kind in the order in which they are wanted. */
export function preferred<Codec extends { mimeType: string }>(source: Source, codecs: Codec[]): Codec[] {
  const wanted = PREFERRED[source];
  const rank = ({ mimeType }: Codec): number => {
    const index = wanted.indexOf(mimeType.toLowerCase());
    return index < 0 ? wanted.length : index;
  };
  return [...codecs].sort((a, b) => rank(a) - rank(b));
}

/** The most that a screen takes, in bit/s, and what it leaves to the camera's picture beside it. */
export const MAX_SCREEN_BPS = 2_500_000;
export const BESIDE_SCREEN_BPS = 250_000;

/** The part of a picture's encoding that the browser is told. */
export interface VideoEncoding {
  maxBitrate: number;
  maxFramerate: number;
  scaleResolutionDownBy: number;
}

/** @param source size of the pictures that the encoder gets; undefined while there are none */
export function videoEncoding(
  target: VideoTarget,
  source: { width: number; height: number } | undefined,
  besideScreen: boolean,
): VideoEncoding {
  // A telephone's camera that is held upright is measured across as well.
  const lines = source === undefined ? 0 : Math.min(source.width, source.height);
  return {
    maxBitrate: besideScreen ? Math.min(target.maxBps, BESIDE_SCREEN_BPS) : target.maxBps,
    maxFramerate: target.framesPerSecond,
    scaleResolutionDownBy: Math.max(1, lines / target.height),
  };
}

/** What a connection may send at most. */
export interface SendingLimits {
  video: VideoTarget;
  soundBps: number;
  /** Of a screen's sound; 0 is none. */
  screenSoundBps: number;
}

export const START_LIMITS: SendingLimits = { video: START_TARGET, soundBps: soundBps(undefined), screenSoundBps: 32_000 };

/** The most that sound takes of a path, in bit/s; all that it wants where the browser does not tell what there is. */
export function soundBps(availableBps = Infinity): number {
  return SOUND.find(({ fromBps }) => availableBps >= fromBps)?.bps ?? LEAST_SOUND_BPS;
}

/** The most that a screen's sound takes of a path, in bit/s; 0 is none. */
export function screenSoundBps(availableBps = Infinity): number {
  return SCREEN_SOUND.find(({ fromBps }) => availableBps >= fromBps)?.bps ?? 0;
}

/** What is left to the pictures beside the sound, in bit/s. */
export function besideSound(availableBps: number, sendsScreenSound: boolean): number {
  const voice = 2 * soundBps(availableBps) + HEADERS_BPS;
  const bps = sendsScreenSound ? screenSoundBps(availableBps) : 0;
  return Math.max(0, availableBps - voice - (bps > 0 ? bps + HEADERS_BPS : 0));
}
