/** Intervals that say what is usual, and how many there must be. */
const USUAL_INTERVALS = 30;
const LEAST_INTERVALS = 5;
const LONGER_MS = 150;
const TIMES_LONGER = 3;

/**
 * Freezes as webrtc-stats defines them, and as libwebrtc counts them: an interval between frames longer than three times
 * the mean of the last thirty, and than that mean and 150 ms.
 *
 * @param {number[]} arrivalsMs
 * @returns {{ freezes: number, frozenS: number }}
 */
export function freezes(arrivalsMs) {
  const recent = [];
  let [count, frozenMs] = [0, 0];
  for (let i = 1; i < arrivalsMs.length; i += 1) {
    const interval = arrivalsMs[i] - arrivalsMs[i - 1];
    recent.push(interval);
    if (recent.length > USUAL_INTERVALS) recent.shift();
    if (recent.length < LEAST_INTERVALS) continue;
    const mean = recent.reduce((sum, it) => sum + it, 0) / recent.length;
    if (interval <= Math.max(TIMES_LONGER * mean, mean + LONGER_MS)) continue;
    count += 1;
    frozenMs += interval;
  }
  return { freezes: count, frozenS: frozenMs / 1000 };
}
