/** How loud somebody is, as it is shown: calm enough for the eye, ten readings a second. */

const FLOOR_DB = -55;
/** A meter falls by so much a reading at most: from loud to nothing in a second. */
const FALL = 0.1;
/** Who is louder than the first speaks, until quieter than the second: about -36 and -44 dB of full scale. */
const SPEAKS_ABOVE = 0.35;
const SILENT_BELOW = 0.2;

export interface Voice {
  /** How far a meter goes out, 0 to 1. */
  share: number;
  speaking: boolean;
}

export const SILENT: Voice = { share: 0, speaking: false };

/** How far a level meter goes out for a linear loudness of 0 to 1: by decibels, as ears do. */
export function meterShare(level: number): number {
  if (level <= 0) return 0;
  return Math.min(Math.max(1 - (20 * Math.log10(level)) / FLOOR_DB, 0), 1);
}

/** What is shown after a reading: it rises at once and falls slowly, so that pauses between words change little. */
export function heard(before: Voice, level: number): Voice {
  const share = Math.max(meterShare(level), before.share - FALL);
  return { share, speaking: share > (before.speaking ? SILENT_BELOW : SPEAKS_ABOVE) };
}
