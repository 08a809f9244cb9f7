/**
 * A time signal: a short pip at each half second of Unix time. Whoever hears it knows how old the sound is, as whoever
 * sees the test picture's marker knows how old the picture is.
 */

const PIP_HZ = 1000;
const PIP_MS = 20;
const INTERVAL_MS = 500;
/** How fine a pip is looked for. */
const STEP_MS = 1;
/** Softer than this at its loudest is no pip: a tenth of what is sent. */
const AUDIBLE = 0.02;

/**
 * A pip, or what is left of it.
 *
 * @typedef {{ heardMs: number, ageMs: number }} Heard `heardMs`: Unix time at which its middle was heard; `ageMs`: how
 *   long before that it was sent, at most half a second
 */

/**
 * Finds the pips in a sound.
 *
 * @param {import("./wav.mjs").Sound} sound
 * @param {number} beginMs Unix time at which the sound begins
 * @returns {Heard[]}
 */
export function heardPips({ rate, samples }, beginMs) {
  const levels = pipLevels(rate, samples);
  const reach = PIP_MS / STEP_MS;
  return levels.flatMap((level, index) => {
    const around = levels.slice(Math.max(0, index - reach), index + reach + 1);
    if (level < AUDIBLE || level < Math.max(...around) || levels[index - 1] === level) return [];
    const heardMs = beginMs + index * STEP_MS + PIP_MS / 2;
    return [{ heardMs, ageMs: (heardMs - PIP_MS / 2) % INTERVAL_MS }];
  });
}

/** For each millisecond, how much of a pip begins there: the amplitude at its frequency under a Hann window. */
function pipLevels(rate, samples) {
  const length = Math.round((rate * PIP_MS) / 1000);
  const step = Math.round((rate * STEP_MS) / 1000);
  const [cosine, sine] = [Math.cos, Math.sin].map((wave) =>
    Float64Array.from({ length }, (_, index) => {
      const window = Math.sin((Math.PI * index) / length) ** 2;
      return (window * wave((2 * Math.PI * PIP_HZ * index) / rate)) / (length / 4);
    }),
  );
  return Array.from({ length: Math.max(0, Math.floor((samples.length - length) / step)) }, (_, position) => {
    let [real, imaginary] = [0, 0];
    for (let index = 0; index < length; index++) {
      const sample = samples[position * step + index];
      real += sample * cosine[index];
      imaginary += sample * sine[index];
    }
    return Math.hypot(real, imaginary);
  });
}
