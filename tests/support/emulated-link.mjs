import { fileURLToPath } from "node:url";
import { bringUp, twoNamespaces } from "./namespaces.mjs";
import { Program } from "./process.mjs";

const EMULATOR = fileURLToPath(new URL("emulator.py", import.meta.url));
const DEVICE = "call0";
const ANSWER_LIMIT_MS = 10_000;

/**
 * What one direction does to packets; see `emulator.py`.
 *
 * @typedef {{ capacity_bps?: [number, number][], queue_ms?: number, delay_ms?: number, jitter_ms?: number,
 *   swing_ms?: number, reorder?: boolean, loss?: number, burst?: { enter: number, leave: number } }} Rules
 *
 * @typedef {{ capacity_bps: number | null, udp_bps: number, other_bps: number, packets: number, dropped: number,
 *   lost: number, queue_p50_ms: number | null, queue_p95_ms: number | null, queue_max_ms: number | null,
 *   queue_ms: [number, number][] }} DirectionSecond packets are counted of UDP alone; `queue_ms`: how many waited so
 *   many milliseconds
 *
 * @typedef {{ second: number, forward: DirectionSecond, back: DirectionSecond }} Second
 */

/**
 * Two network namespaces with a link between them that delays, queues and loses packets as it is told; forward is from
 * left to right. Nothing else leads in or out, so whoever talks across takes the link. Everything passes at once until
 * it is configured. Needs root.
 */
export class EmulatedLink {
  #emulator;

  constructor(emulator, { namespaces, addresses }) {
    this.#emulator = emulator;
    /** Names of the namespaces. @type {import("./namespaces.mjs").Pair} */
    this.namespaces = namespaces;
    /** IPv4 addresses. @type {import("./namespaces.mjs").Pair} */
    this.addresses = addresses;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {{ seed?: number }} [options] `seed`: of loss and jitter
   */
  static async up(scope, { seed = 1 } = {}) {
    const pair = await twoNamespaces(scope);
    const { left, right } = pair.namespaces;
    const words = [EMULATOR, left, right, "--device", DEVICE, "--seed", String(seed)];
    const emulator = new Program(scope, "python3", words, { name: "link emulator" });
    await emulator.line((line) => JSON.parse(line).type === "ready", "its devices", ANSWER_LIMIT_MS);
    await bringUp(scope, pair, DEVICE);
    return new EmulatedLink(emulator, pair);
  }

  /**
   * Sets the rules from now on, with capacities at second 0 of their schedules until {@link start}.
   *
   * @param {{ forward?: Rules, back?: Rules }} rules
   */
  async configure({ forward = {}, back = {} }) {
    const from = this.#emulator.lines.length;
    this.#emulator.write(JSON.stringify({ type: "configure", forward, back }));
    await this.#emulator.line((line) => JSON.parse(line).type === "configured", "its rules", ANSWER_LIMIT_MS, from);
  }

  /** Lets the schedules run, and the seconds be counted. */
  start() {
    this.#emulator.write(JSON.stringify({ type: "start" }));
  }

  /** Waits until so many seconds are over. */
  passed(seconds) {
    const isLast = (line) => JSON.parse(line).second >= seconds - 1;
    return this.#emulator.line(isLast, `second ${seconds}`, seconds * 1000 + ANSWER_LIMIT_MS);
  }

  /** What happened since the start. @returns {Second[]} */
  get seconds() {
    return this.#emulator.lines.map((line) => JSON.parse(line)).filter(({ type }) => type === "second");
  }
}
