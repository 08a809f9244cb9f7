/** Waiting, always with a deadline and with words for what did not come. */

/**
 * The outcome of `promise`, or an error when `what` has not happened within `limitMs`.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} limitMs
 * @param {string} what such as "the server to listen"
 * @returns {Promise<T>}
 */
export async function within(limitMs, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs / 1000} s in vain for ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks `probe` again and again until it gives something: for what announces itself by no event.
 *
 * @template T
 * @param {number} limitMs
 * @param {string} what
 * @param {() => T | undefined | false | Promise<T | undefined | false>} probe
 * @returns {Promise<T>}
 */
export async function until(limitMs, what, probe) {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${limitMs / 1000} s in vain for ${what}`);
    await observe(50);
  }
}

/** Lets time pass that something is measured over. */
export function observe(durationMs) {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
