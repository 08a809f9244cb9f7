import { level } from "./wav.mjs";

const STEP_MS = 10;
/** Speech is compared at this rate, which holds what makes it intelligible. */
const COMPARED_HZ = 8_000;
const MAX_DELAY_MS = 1_000;
/** How far the delay of a piece may be from that of the whole: buffers adapt. */
const PIECE_SLACK_MS = 60;
const PIECE_MS = 500;
/** Louder than this is speech: -40 dB of full scale. */
const SPEAKING = 0.01;
/** What is below this share of the original's level is not there. */
const MISSING = 0.1;

/**
 * How well a voice came through.
 *
 * @param {Float32Array} said
 * @param {Float32Array} heard by the same clock
 * @param {number} rate of both
 * @returns {{ delayMs: number, envelope: number, waveform: number, longestGapMs: number }} `envelope`: correlation of the
 *   loudness, `waveform`: median correlation of half seconds of the sound itself, each at its best delay; `longestGapMs`:
 *   where the original speaks
 */
export function compareSpeech(said, heard, rate) {
  const loudness = [said, heard].map((sound) => envelope(sound, rate));
  const best = bestLag(...loudness, 0, MAX_DELAY_MS / STEP_MS);
  const pieces = comparePieces(said, heard, rate, best.lag * STEP_MS);
  return {
    delayMs: median(pieces.map(({ delayMs }) => delayMs)),
    envelope: best.correlation,
    waveform: median(pieces.map(({ correlation }) => correlation)),
    longestGapMs: longestGap(...loudness, best.lag),
  };
}

function comparePieces(said, heard, rate, delayMs) {
  const [from, to] = [said, heard].map((sound) => decimate(sound, rate / COMPARED_HZ));
  const samples = (ms) => Math.round((ms * COMPARED_HZ) / 1000);
  const length = samples(PIECE_MS);
  const pieces = [];
  for (let start = 0; start + length <= from.length; start += length) {
    const piece = from.subarray(start, start + length);
    if (level(piece) < SPEAKING) continue;
    const [least, most] = [-PIECE_SLACK_MS, PIECE_SLACK_MS].map((slack) => Math.max(0, samples(delayMs + slack)));
    const best = bestLag(piece, to.subarray(start), least, most);
    pieces.push({ delayMs: (best.lag * 1000) / COMPARED_HZ, correlation: best.correlation });
  }
  return pieces;
}

/** The longest time in which the original speaks and nothing is heard, in milliseconds. */
function longestGap(said, heard, lag) {
  let [longest, present] = [0, 0];
  said.forEach((loud, index) => {
    const missing = loud > SPEAKING && (heard[index + lag] ?? 0) < MISSING * loud;
    present = missing ? present + 1 : 0;
    longest = Math.max(longest, present);
  });
  return longest * STEP_MS;
}

/** Level of each 10 ms. */
function envelope(sound, rate) {
  const length = (rate * STEP_MS) / 1000;
  return Float32Array.from({ length: Math.floor(sound.length / length) }, (_, index) =>
    level(sound.subarray(index * length, (index + 1) * length)),
  );
}

/** The lag of `to` behind `from` at which they are most alike. */
function bestLag(from, to, least, most) {
  let best = { lag: least, correlation: -1 };
  for (let lag = least; lag <= most; lag++) {
    const value = correlation(from, to.subarray(lag));
    if (value > best.correlation) best = { lag, correlation: value };
  }
  return best;
}

/** Pearson's correlation over the length that both have. */
function correlation(a, b) {
  const length = Math.min(a.length, b.length);
  let [sumA, sumB, sumAA, sumBB, sumAB] = [0, 0, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    sumA += a[i];
    sumB += b[i];
    sumAA += a[i] * a[i];
    sumBB += b[i] * b[i];
    sumAB += a[i] * b[i];
  }
  const spread = (sumAA - (sumA * sumA) / length) * (sumBB - (sumB * sumB) / length);
  return spread > 0 ? (sumAB - (sumA * sumB) / length) / Math.sqrt(spread) : 0;
}

/** Means of so many samples each: a low-pass filter that is good enough for a comparison. */
function decimate(sound, factor) {
  return Float32Array.from({ length: Math.floor(sound.length / factor) }, (_, index) => {
    let sum = 0;
    for (let i = 0; i < factor; i++) sum += sound[index * factor + i];
    return sum / factor;
  });
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
