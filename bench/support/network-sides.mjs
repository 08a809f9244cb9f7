import { Peer } from "../../tests/support/peer.mjs";
import { Tab } from "../../tests/support/tab.mjs";
import { observeConnections } from "./connections.mjs";
import { freezes } from "./freezes.mjs";
import { decodeReception, keepReception } from "./page-reception.mjs";

/** Between two pictures that are kept. */
const PICTURE_INTERVAL_MS = 500;

/**
 * What a side is told: the invite link, the namespace it lives in, its devices (`none`, or something to send), the most
 * that its video may take, and whether what it receives is to be kept.
 *
 * @typedef {{ link: string, namespace: string, name: string, sends: boolean, video: string, sound: string,
 *   camera: import("./clip.mjs").Format, maxVideoBps: number, keeps: boolean }} Setting
 */

/**
 * What came to a side over a while. `concealed` and `lost` are shares of sound and of video packets; `undefined` where
 * nothing came that could have been.
 *
 * @typedef {{ freezes: number, frozenS: number, framesPerSecond: number, concealed: number | undefined, lost: number | undefined,
 *   bitrateBps: number, bufferMs: number, seconds: SideSecond[], kept?: Kept }} Reception
 *
 * @typedef {{ pictures: import("./pictures.mjs").Picture[], sound: import("../../tests/support/wav.mjs").Sound }} Kept
 *   two pictures a second, and all sound
 *
 * @typedef {{ estimateBps: number, targetBps: number, height: number, rttMs: number, frames: number, bps: number
 *   }} SideSecond what a side sends and receives
 */

/**
 * One side of a call over a link.
 *
 * @typedef {object} NetworkSide
 * @property {() => Promise<void>} enter the room
 * @property {() => Promise<void>} sees the other one
 * @property {() => Promise<void>} begin the while
 * @property {() => Promise<Reception>} end the while
 */

/** The native engine. @param {Setting} setting @returns {Promise<NetworkSide>} */
export async function engine(scope, { link, namespace, name, sends, video, sound, camera, keeps }) {
  const devices = sends ? { camera: video, microphone: sound } : { camera: "none", microphone: "none" };
  let side;
  let stop;
  let endSampling;
  let soundBegin;
  let beganMs;
  let first;
  return {
    async enter() {
      // As large as what is sent can be: a smaller recording would be a worse picture than the one received.
      const args = ["--record-size", `${camera.width}x${camera.height}`];
      side = Peer.start(scope, link, { name, namespace, record: true, args, ...devices });
      await side.inRoom();
    },
    sees: () => side.sees(),
    async begin() {
      stop = side.recording.watch();
      if (keeps) {
        endSampling = side.recording.sample(PICTURE_INTERVAL_MS);
        soundBegin = side.sound().samples.length;
      }
      beganMs = performance.now();
      first = side.stats().length;
    },
    async end() {
      const { arrivalsMs } = stop();
      const kept = keeps && { pictures: endSampling(), sound: after(soundBegin, side.sound()) };
      const lines = side.stats().filter(({ peers }) => peers.length > 0);
      const during = side.stats().slice(first).filter(({ peers }) => peers.length > 0).map(({ peers: [peer] }) => peer);
      const [last] = during.slice(-1);
      const { packets, lost_packets: lost } = last.received_video;
      return {
        ...freezes(arrivalsMs),
        framesPerSecond: (1000 * arrivalsMs.length) / (performance.now() - beganMs),
        concealed: shareDuring(lines.length - during.length, during),
        lost: shareOf(lost, packets + lost),
        bitrateBps: mean(during.map(({ received_video: v, received_audio: a }) => v.bitrate_bps + a.bitrate_bps)),
        bufferMs: mean(during.map(({ received_video: v }) => v.jitter_buffer_ms)),
        seconds: during.map(({ estimate_bps, rtt_ms, sent_video, received_video, received_audio }) => ({
          estimateBps: estimate_bps,
          targetBps: sent_video.target_bps,
          height: sent_video.height,
          rttMs: rtt_ms ?? 0,
          frames: received_video.frames_per_second,
          bps: received_video.bitrate_bps + received_audio.bitrate_bps,
        })),
        ...(keeps && { kept }),
      };
    },
  };
}

/** The UI in Chromium. @param {Setting} setting @returns {Promise<NetworkSide>} */
export async function browser(scope, { link, namespace, name, sends, video, sound, camera, maxVideoBps, keeps }) {
  const devices = sends ? { camera: "default", microphone: "default" } : { camera: "none", microphone: "none" };
  const observed = { init: observeConnections, initWith: { maxVideoBps, camera } };
  const side = await Tab.open(scope, link, { name, namespace, video, sound, join: false, ...devices, ...observed });
  const samples = (from) => side.page.evaluate((from) => window.connectionSamples.slice(from), from);
  let first;
  return {
    async enter() {
      await side.join();
      await side.inRoom();
    },
    sees: () => side.sees(),
    async begin() {
      first = (await samples(0)).length;
      if (keeps) await side.page.evaluate(keepReception, { pictureIntervalMs: PICTURE_INTERVAL_MS });
    },
    async end() {
      const during = await samples(Math.max(first - 1, 0));
      const kept = keeps && decodeReception(await side.page.evaluate(() => window.endReception()));
      const [before, after] = [during[0], during[during.length - 1]];
      const grown = (field) => after[field] - before[field];
      return {
        freezes: grown("freezes"),
        frozenS: grown("frozenS"),
        framesPerSecond: grown("frames") / (during.length - 1),
        concealed: shareOf(grown("concealed"), grown("samples")),
        lost: shareOf(grown("lost"), grown("packets") + grown("lost")),
        bitrateBps: (grown("bytes") * 8) / (during.length - 1),
        bufferMs: (1000 * grown("jitterBufferS")) / Math.max(grown("emitted"), 1),
        seconds: during.slice(1).map((sample, i) => ({
          ...{ estimateBps: sample.estimateBps, targetBps: sample.targetBps, height: sample.height, rttMs: sample.rttMs },
          frames: sample.frames - during[i].frames,
          bps: (sample.bytes - during[i].bytes) * 8,
        })),
        ...(keeps && { kept }),
      };
    },
  };
}

/** The share of concealed sound in the last seconds, from shares since the sound began. */
function shareDuring(secondsBefore, during) {
  const [{ received_audio: audio }] = during.slice(-1);
  if (audio.packets === 0) return undefined;
  const earlier = secondsBefore * during[0].received_audio.concealed;
  return Math.max(0, ((secondsBefore + during.length) * audio.concealed - earlier) / during.length);
}

/** The sound from a sample on. */
function after(begin, { rate, samples }) {
  return { rate, samples: samples.subarray(begin) };
}

function shareOf(part, whole) {
  return whole > 0 ? part / whole : undefined;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}
