import assert from "node:assert/strict";
import { level } from "./wav.mjs";

/** What every synthetic microphone sends. */
export const TONE_HZ = 440;

const WINDOW_MS = 20;
/** Time for jitter buffers to find their depth. */
const SETTLING_MS = 1000;
/** Picture and sound of a call begin, and end, at different moments. */
const SLACK_MS = 1000;
const MIN_TONE_SHARE = 0.95;
/** Softer than this is silence: -46 dB of full scale. */
const AUDIBLE = 0.005;
/** Share of a window's power that has to be at the tone for it to be that tone. */
const DOMINANT = 0.8;

/**
 * How much of a sound is the tone: for each window of 20 ms, whether most of its power is at 440 Hz.
 *
 * @param {import("./wav.mjs").Sound} sound
 * @returns {boolean[]}
 */
export function toneWindows({ rate, samples }) {
  const length = Math.round((rate * WINDOW_MS) / 1000);
  return Array.from({ length: Math.floor(samples.length / length) }, (_, index) => {
    const window = samples.subarray(index * length, (index + 1) * length);
    const loud = level(window);
    return loud >= AUDIBLE && powerAt(TONE_HZ, rate, window) >= DOMINANT * loud * loud;
  });
}

/**
 * Proves that what somebody heard is the tone, from a second after it begins to its last window: what follows is the
 * silence after the other one left.
 *
 * @param {string} who heard it
 * @param {import("./wav.mjs").Sound} sound
 * @param {{ seconds: number, onShare?: number }} expected how long it was to be heard at least, and which share of that
 *   time it sounds
 */
export function checkTone(test, who, sound, { seconds, onShare = 1 }) {
  const windows = toneWindows(sound);
  const begin = windows.indexOf(true);
  assert.ok(begin >= 0, `${who} hears no tone`);
  const settled = windows.slice(begin + SETTLING_MS / WINDOW_MS, windows.lastIndexOf(true) + 1);
  const heardSeconds = (settled.length * WINDOW_MS) / 1000;
  const share = settled.filter(Boolean).length / settled.length / onShare;
  test.diagnostic(`${who} hears the tone in ${(100 * share).toFixed(1)} % of ${heardSeconds} s`);
  assert.ok(heardSeconds >= seconds - (SETTLING_MS + SLACK_MS) / 1000, `${who} hears the tone for only ${heardSeconds} s`);
  assert.ok(share >= MIN_TONE_SHARE, `${who} hears the tone in only ${(100 * share).toFixed(1)} % of the time`);
}

/**
 * A steady tone of any frequency.
 *
 * @returns {import("./wav.mjs").Sound}
 */
export function steadyTone({ hz, seconds, rate = 48_000, amplitude = 0.25 }) {
  const sample = (_, index) => amplitude * Math.sin((2 * Math.PI * hz * index) / rate);
  return { rate, samples: Float32Array.from({ length: seconds * rate }, sample) };
}

/**
 * The tone, on and off for as long each, so that no noise suppression takes it for noise.
 *
 * @returns {import("./wav.mjs").Sound}
 */
export function beeps({ seconds, onOffSeconds, rate = 48_000, amplitude = 0.25 }) {
  const samples = Float32Array.from({ length: seconds * rate }, (_, index) => {
    const on = Math.floor(index / rate / onOffSeconds) % 2 === 0;
    return on ? amplitude * Math.sin((2 * Math.PI * TONE_HZ * index) / rate) : 0;
  });
  return { rate, samples };
}

/**
 * How strong a frequency is in a sound, in dB of a full-scale sine: the median of pieces of 100 ms, each of which fades in
 * and out so that other frequencies do not count.
 *
 * @param {import("./wav.mjs").Sound} sound
 */
export function strengthDb(hz, { rate, samples }) {
  const length = rate / 10;
  const pieces = Array.from({ length: Math.floor(samples.length / length) }, (_, index) => {
    const piece = samples.subarray(index * length, (index + 1) * length);
    const faded = piece.map((sample, n) => sample * (1 - Math.cos((2 * Math.PI * n) / length)));
    return powerAt(hz, rate, faded);
  });
  const median = pieces.sort((a, b) => a - b)[Math.floor(pieces.length / 2)];
  return 10 * Math.log10(Math.max(2 * median, 1e-12));
}

/** Mean power of a window's part at one frequency, by the Goertzel algorithm. */
function powerAt(frequencyHz, rate, window) {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequencyHz) / rate);
  let [last, beforeLast] = [0, 0];
  for (const sample of window) [last, beforeLast] = [sample + coefficient * last - beforeLast, last];
  const energy = last * last + beforeLast * beforeLast - coefficient * last * beforeLast;
  return (2 * energy) / (window.length * window.length);
}
