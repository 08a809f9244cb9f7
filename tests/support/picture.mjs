import assert from "node:assert/strict";

/** What a call has to show: 15 frames a second are sent. */
const MIN_FRAMES_PER_SECOND = 14;
const MIN_ARRIVED_SHARE = 0.95;

/** The value below which a share of the values lies. @param {number[]} values */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/**
 * Frames in each whole second from the first one on.
 *
 * @param {number[]} arrivalsMs
 * @returns {number[]}
 */
export function framesBySecond(arrivalsMs) {
  if (arrivalsMs.length === 0) return [];
  const [first, last] = [arrivalsMs[0], arrivalsMs[arrivalsMs.length - 1]];
  const seconds = Array(Math.floor((last - first) / 1000)).fill(0);
  for (const at of arrivalsMs) {
    const second = Math.floor((at - first) / 1000);
    if (second < seconds.length) seconds[second] += 1;
  }
  return seconds;
}

/** The longest time without a new frame. @param {number[]} arrivalsMs */
export function longestGapMs(arrivalsMs) {
  return arrivalsMs.slice(1).reduce((longest, at, i) => Math.max(longest, at - arrivalsMs[i]), 0);
}

/**
 * Proves that the test picture came through: enough frames, readable, their numbers rising, hardly one missing.
 *
 * @param {string} who sees, for the messages
 * @param {import("./y4m.mjs").Seen} seen
 * @param {{ seconds: number, clipFrames?: number }} expected `clipFrames`: the sender plays a clip of so many frames over
 *   and over, whose markers have no time
 */
export function checkPicture(test, who, { count, frames, arrivalsMs }, { seconds, clipFrames }) {
  const numbers = unwrap(frames.map(({ frame }) => frame), clipFrames);
  const sent = numbers.length === 0 ? 0 : numbers[numbers.length - 1] - numbers[0] + 1;
  const delays = clipFrames === undefined ? frames.map(({ delayMs }) => delayMs) : [];
  const figures = {
    framesPerSecond: round(count / seconds),
    slowestSecond: Math.min(...framesBySecond(arrivalsMs)),
    longestGapMs: round(longestGapMs(arrivalsMs)),
    arrived: round(numbers.length / sent, 3),
    ...(delays.length > 0 && { delayP50Ms: percentile(delays, 0.5), delayP95Ms: percentile(delays, 0.95) }),
  };
  test.diagnostic(`${who} sees ${JSON.stringify(figures)}`);

  assert.ok(frames.length >= 0.98 * count, `${who}: ${frames.length} of ${count} frames have a readable marker`);
  assert.ok(numbers.every((number, i) => i === 0 || number > numbers[i - 1]), `${who}: frame numbers do not rise`);
  assert.ok(figures.framesPerSecond >= MIN_FRAMES_PER_SECOND, `${who}: ${figures.framesPerSecond} frames a second`);
  assert.ok(figures.arrived >= MIN_ARRIVED_SHARE, `${who}: ${figures.arrived} of the sent frames arrived`);
  return figures;
}

/** Numbers that go on where a clip starts over. Chromium shows the first frame twice then; it counts once. */
function unwrap(numbers, clipFrames) {
  if (clipFrames === undefined) return numbers;
  let laps = 0;
  return numbers.flatMap((number, i) => {
    if (number < numbers[i - 1]) laps += 1;
    return number === 0 && numbers[i - 1] === 0 ? [] : [laps * clipFrames + number];
  });
}

function round(value, digits = 1) {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
