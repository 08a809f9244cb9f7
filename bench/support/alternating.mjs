import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeGrainyClip, writeSteadyTone } from "./clip.mjs";
import { observeCalls } from "./network-call.mjs";
import { browser, engine } from "./network-sides.mjs";
import { median, row } from "./report.mjs";
import { writeSpeech } from "./speech.mjs";

/** Who sends from the left to whom. */
const PAIRS = [
  { name: "engine-engine", left: engine, right: engine },
  { name: "engine-chromium", left: engine, right: browser },
  { name: "chromium-chromium", left: browser, right: browser },
];
/** What the others are measured against. */
const REFERENCE = "chromium-chromium";

/** The camera of every sender: as much as two processors carry twice. */
const CAMERA = { width: 960, height: 540, framesPerSecond: 15 };
/** The most that video takes: of the engine by itself, at that size (`VideoLadder`), of Chromium because it is told so. */
const MAX_VIDEO_BPS = Number(process.env.VISAVIS_BENCH_MAX_VIDEO_BPS ?? 1_500_000);
/** What the headers and sound take besides, on the wire. */
const HEADERS = 1.06;
const SOUND_BPS = 55_000;
/** What a call makes use of at most, one way. */
export const DEMAND_BPS = HEADERS * MAX_VIDEO_BPS + SOUND_BPS;

/**
 * What senders are given, and whether receivers keep what came of it, for scores.
 *
 * @typedef {{ video: string, sound: string, camera: import("./clip.mjs").Format, maxVideoBps: number, keeps: boolean
 *   }} Material
 */

/**
 * Cases run with one pair after the other, so that whatever else the machine does falls on all of them.
 *
 * VISAVIS_BENCH_CASES and VISAVIS_BENCH_PAIRS choose, with commas between names; VISAVIS_BENCH_SECONDS ends each case
 * early; VISAVIS_BENCH_ROUNDS repeats all of it, and medians are taken.
 *
 * @template Result
 */
export class Alternating {
  #rounds = Number(process.env.VISAVIS_BENCH_ROUNDS ?? 1);
  /** By case and pair. @type {Map<string, Result[]>} */
  #results = new Map();
  #scored;

  /**
   * @param {import("./cases.mjs").Case[]} cases
   * @param {{ scored?: boolean }} [options] `scored`: speech is sent instead of a tone, and receivers keep what they get
   */
  constructor(cases, { scored = false } = {}) {
    this.#scored = scored;
    const maxSeconds = Number(process.env.VISAVIS_BENCH_SECONDS ?? Infinity);
    this.cases = chosen("VISAVIS_BENCH_CASES", cases, ({ id }) => id).map((situation) => ({
      ...situation,
      seconds: Math.min(situation.seconds, maxSeconds),
    }));
    this.pairs = chosen("VISAVIS_BENCH_PAIRS", PAIRS, ({ name }) => name);
  }

  /**
   * @param {(situation: import("./cases.mjs").Case, pair: string, observed: import("./network-call.mjs").Observed,
   *   round: number, material: Material) => Result} evaluate
   */
  async run(evaluate) {
    if (process.getuid() !== 0) throw new Error("the emulated link needs root");
    const folder = mkdtempSync(join(tmpdir(), "visavis-bench-"));
    const files = { video: join(folder, "camera.y4m"), sound: join(folder, "microphone.wav") };
    const material = { ...files, camera: CAMERA, maxVideoBps: MAX_VIDEO_BPS, keeps: this.#scored };
    try {
      writeGrainyClip(material.video, CAMERA);
      if (this.#scored) writeSpeech(material.sound);
      else writeSteadyTone(material.sound);
      for (let round = 1; round <= this.#rounds; round += 1) {
        for (const situation of this.cases) {
          for (const pair of this.pairs) await this.#once(situation, pair, material, round, evaluate);
        }
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** The results of a case with a pair, one a round. @returns {Result[]} */
  of(id, pair) {
    return this.#results.get(`${id} ${pair}`) ?? [];
  }

  /**
   * Every other pair beside the reference.
   *
   * @param {{ name: string, of: (result: Result) => number, aim: string }[]} measures
   * @returns {import("./report.mjs").Row[]}
   */
  rows(measures) {
    const others = this.pairs.map(({ name }) => name).filter((name) => name !== REFERENCE);
    const compare = (id, pair) => {
      const [ours, reference] = [this.of(id, pair), this.of(id, REFERENCE)];
      if (ours.length === 0 || reference.length === 0) return [];
      return measures.map(({ name, of, aim }) =>
        row(`${id} ${pair}: ${name}`, median(ours.map(of)), median(reference.map(of)), aim),
      );
    };
    return this.cases.flatMap(({ id }) => others.flatMap((pair) => compare(id, pair)));
  }

  async #once(situation, pair, material, round, evaluate) {
    const key = `${situation.id} ${pair.name}`;
    try {
      const observed = await observeCalls(situation, pair, material);
      const result = evaluate(situation, pair.name, observed, round, material);
      this.#results.set(key, [...(this.#results.get(key) ?? []), result]);
    } catch (error) {
      // One call that fails is no reason to lose an hour of others.
      console.error(`${key}: ${error.stack}`);
      process.exitCode = 1;
    }
  }
}

/** Those of `all` that an environment variable names; all without it. */
function chosen(variable, all, nameOf) {
  const names = process.env[variable]?.split(",");
  const unknown = names?.find((name) => !all.some((it) => nameOf(it) === name));
  if (unknown !== undefined) throw new Error(`${variable}: there is no ${unknown}, but ${all.map(nameOf).join(", ")}`);
  return all.filter((it) => names?.includes(nameOf(it)) ?? true);
}
