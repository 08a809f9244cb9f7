/**
 * Others than those who mean harm: pairs in rooms of their own, who say something to each other all the time. It runs as a worker,
 * so that what another thread is busy with is no delay here.
 */

import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { observe } from "./deadline.mjs";
import { message, Rude } from "./rude.mjs";

/** Below what a connection may say a second. */
const EACH_PER_S = 30;

/** Of messages; `worstMs` counts those too that have not come yet. @typedef {{ count: number, p50Ms: number, p99Ms: number, worstMs: number }} Delays */

export class Pulse {
  #worker;
  #failed;

  /** @param {Worker} worker */
  constructor(worker) {
    this.#worker = worker;
    this.#failed = new Promise((_, reject) => worker.once("error", reject));
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {{ port: number, pairs: number }} options
   */
  static async start(scope, options) {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: options });
    scope.defer(() => worker.terminate());
    const pulse = new Pulse(worker);
    await pulse.measure(0);
    return pulse;
  }

  /** How long messages took that were sent in the next so many milliseconds. @returns {Promise<Delays>} */
  measure(forMs) {
    const measured = new Promise((resolve) => this.#worker.once("message", resolve));
    this.#worker.postMessage(forMs);
    return Promise.race([this.#failed, measured]);
  }
}

if (!isMainThread && workerData?.pairs !== undefined) {
  const { port, pairs } = workerData;
  /** When what was sent, by what it says. */
  const waiting = new Map();
  let delays = [];
  const onMessage = ({ type, payload }) => {
    if (type !== "end_of_candidates" || !waiting.has(payload.ufrag)) return;
    delays.push(performance.now() - waiting.get(payload.ufrag));
    waiting.delete(payload.ufrag);
  };
  const talkers = [];
  for (let i = 0; i < pairs; i++) {
    const from = `127.0.1.${i + 1}`;
    const ends = [await Rude.open(port, { from }), await Rude.open(port, { from })];
    const joined = [await ends[0].join(`pulse-${i}`), await ends[1].join(`pulse-${i}`)];
    ends.forEach((end, side) => {
      end.onMessage = onMessage;
      talkers.push({ socket: end.socket, to: joined[1 - side].you });
    });
  }
  let said = 0;
  const begun = performance.now();
  setInterval(() => {
    // One after the other, and not all at once.
    const due = Math.floor(((performance.now() - begun) / 1000) * EACH_PER_S * talkers.length);
    for (; said < due; said++) {
      const { socket, to } = talkers[said % talkers.length];
      const ufrag = String(said);
      waiting.set(ufrag, performance.now());
      socket.write(message({ type: "end_of_candidates", payload: { to, ufrag } }));
    }
  }, 1);
  parentPort.on("message", async (forMs) => {
    if (forMs > 0) {
      delays = [];
      await observe(forMs);
    }
    const sorted = delays.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    const longest = Math.max(0, ...[...waiting.values()].map((sent) => performance.now() - sent));
    const worstMs = Math.max(longest, sorted.at(-1) ?? 0);
    parentPort.postMessage({ count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), worstMs });
  });
}
