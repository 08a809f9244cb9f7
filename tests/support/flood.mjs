/** One client that says as much as its connection takes. It runs as a worker, so that it is no delay for those who measure. */

import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { frame, message, OPCODES, Rude } from "./rude.mjs";

const CHUNK_BYTES = 256 * 1024;

/** What is said without end; `first` comes before it. */
const FLOODS = {
  "messages to a room": (to) => ({ each: message({ type: "end_of_candidates", payload: { to, ufrag: "flood" } }) }),
  nonsense: () => ({ each: frame("{") }),
  pings: () => ({ each: frame("x".repeat(125), { opcode: OPCODES.ping }) }),
  "empty fragments": () => ({
    first: frame("x", { final: false }),
    each: frame("", { opcode: OPCODES.continuation, final: false }),
  }),
};

export const KINDS = Object.keys(FLOODS);

/**
 * Begins a flood; the function that ends it gives how many bytes went out and over how many connections.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {{ port: number, kind: string }} options
 * @returns {Promise<() => Promise<{ bytes: number, connections: number }>>}
 */
export async function startFlood(scope, options) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { flood: options } });
  scope.defer(() => worker.terminate());
  const failed = new Promise((_, reject) => worker.once("error", reject));
  const next = () => Promise.race([failed, new Promise((resolve) => worker.once("message", resolve))]);
  await next();
  return async () => {
    const sum = next();
    worker.postMessage("end");
    const result = await sum;
    await worker.terminate();
    return result;
  };
}

if (!isMainThread && workerData?.flood !== undefined) {
  const { port, kind } = workerData.flood;
  const from = "127.0.2.1";
  /** @type {import("node:net").Socket[]} */
  const sockets = [];
  let going = true;
  parentPort.on("message", () => {
    going = false;
    const taken = sockets.map(({ bytesWritten, writableLength }) => bytesWritten - writableLength);
    parentPort.postMessage({ bytes: taken.reduce((sum, bytes) => sum + bytes, 0), connections: sockets.length });
  });
  const partner = await Rude.open(port, { from });
  const { you } = await partner.join("flood");
  partner.onMessage = () => {};
  // Made once: that takes a while, and the machine is also that of those who measure.
  const { first = Buffer.alloc(0), each } = FLOODS[kind](you);
  const chunk = Buffer.concat(Array(Math.ceil(CHUNK_BYTES / each.length)).fill(each));
  parentPort.postMessage("going");
  while (going) {
    const rude = await Rude.open(port, { from }).catch(() => undefined);
    if (rude === undefined) {
      // It is kept out for a while.
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    sockets.push(rude.socket);
    await rude.join("flood");
    rude.onMessage = () => {};
    await rude.write(first);
    while (going && !rude.ended) {
      await rude.write(chunk);
      // Once in a while whoever wants it to end has to be heard.
      await new Promise((resolve) => setImmediate(resolve));
    }
    rude.socket.destroy();
  }
}
