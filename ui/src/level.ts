const FLOOR_DB = -55;

/** How far a level meter goes out for a linear loudness of 0 to 1: by decibels, as ears do. */
export function meterShare(level: number): number {
  if (level <= 0) return 0;
  return Math.min(Math.max(1 - (20 * Math.log10(level)) / FLOOR_DB, 0), 1);
}
