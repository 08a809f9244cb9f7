import { within } from "./deadline.mjs";

/** Every which sample is kept: enough for what tests listen for. */
const KEPT_EVERY = 3;
const LIMIT_MS = 20_000;

/**
 * Runs in a page before anything else: keeps the tracks of sound that come in, in `window.incomingSounds`, and the
 * connections that they come over, in `window.connections`.
 */
export function keepSounds() {
  window.incomingSounds = [];
  window.connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...words) {
      super(...words);
      window.connections.push(this);
      this.addEventListener("track", ({ track }) => {
        if (track.kind === "audio") window.incomingSounds.push(track);
      });
    }
  };
}

/**
 * How far the sound that comes in is behind the picture of the same sender, as the browser itself has it.
 *
 * @param {import("playwright-core").Page} page that {@link keepSounds} ran in
 * @returns {Promise<number | undefined>} in milliseconds, once both are played
 */
export async function soundBehindMs(page) {
  return await page.evaluate(async () => {
    const played = {};
    for (const { type, kind, estimatedPlayoutTimestamp } of (await window.connections[0].getStats()).values()) {
      if (type === "inbound-rtp") played[kind] ??= estimatedPlayoutTimestamp;
    }
    return played.audio && played.video && played.video - played.audio;
  });
}

/**
 * What comes out of the first track of a page that {@link keepSounds} ran in, as it goes to the speaker.
 *
 * @param {import("playwright-core").Page} page
 * @returns {Promise<{ sound: import("./wav.mjs").Sound, beganMs: number }>} `beganMs`: Unix time at which it begins
 */
export async function recordSound(page, seconds) {
  const recorded = page.evaluate(recordInPage, { durationMs: seconds * 1000, keptEvery: KEPT_EVERY });
  const { rate, bytes, beganMs } = await within(seconds * 1000 + LIMIT_MS, "the page to record", recorded);
  const samples = Float32Array.from(new Int16Array(new Uint8Array(Buffer.from(bytes, "base64")).buffer), (x) => x / 32768);
  return { sound: { rate: rate / KEPT_EVERY, samples }, beganMs };
}

/** Runs in the page. */
async function recordInPage({ durationMs, keptEvery }) {
  const track = window.incomingSounds[0].clone();
  const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
  const endMs = performance.now() + durationMs;
  const kept = [];
  let [beganMs, heard, rate] = [Infinity, 0, 0];
  while (performance.now() < endMs) {
    const { value: data, done } = await reader.read();
    if (done) break;
    rate = data.sampleRate;
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
    data.close();
    for (let index = (keptEvery - (heard % keptEvery)) % keptEvery; index < samples.length; index += keptEvery) {
      kept.push(samples[index] * 32767);
    }
    heard += samples.length;
    // What is handed over late was taken on time: the least delay counts.
    beganMs = Math.min(beganMs, performance.timeOrigin + performance.now() - (1000 * heard) / rate);
  }
  track.stop();
  await reader.cancel();
  const binary = Array.from(new Uint8Array(Int16Array.from(kept).buffer), (byte) => String.fromCharCode(byte));
  return { rate, bytes: btoa(binary.join("")), beganMs };
}
