/**
 * How long to wait before another try to reach a lost server: exponential backoff with jitter, so that all who have lost it
 * do not come back at the same moment.
 */

/** Tries without media; while media flows there is no end to them. */
export const TRIES = 7;

/** A server that was only started anew is there within a second. */
const FIRST_MS = 250;
const LONGEST_MS = 8000;

/** The pause before a try that so many went before: from half of what is due to all of it, which depends on the seed. */
export function pauseMs(tries: number, seed: string): number {
  const most = Math.min(FIRST_MS * 2 ** tries, LONGEST_MS);
  const share = hash(`${seed} ${tries}`) % 1001;
  return most - Math.floor(((most / 2) * share) / 1000);
}

/** FNV-1a of 32 bits, which both implementations of the core have. */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x0100_0193) >>> 0;
  return value;
}
