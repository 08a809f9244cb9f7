/**
 * Calls over paths with one thing wrong: loss, bursts of loss, jitter, delay, little capacity; ours beside Chromium's, in
 * turn. Pictures and speech are scored beside what was sent; one picture of each call is kept in tests/artifacts. Needs
 * root, for the link.
 *
 * `cargo xtask bench impairments [--json OUT]`; for a part of it VISAVIS_BENCH_CASES=loss-5,rate-300, and what else
 * `support/alternating.mjs` reads.
 */

import { keep, table } from "../tests/support/artefacts.mjs";
import { Alternating, DEMAND_BPS } from "./support/alternating.mjs";
import { figures } from "./support/figures.mjs";
import { IMPAIRMENTS } from "./support/impairments.mjs";
import { greymap, scorePictures } from "./support/pictures.mjs";
import { median, publish } from "./support/report.mjs";
import { scoreSpeech } from "./support/speech.mjs";

/** What is compared with Chromium. `delayMs`: on the way, in the queue, and in the jitter buffer. */
const MEASURES = [
  { name: "frames/s", of: ({ framesPerSecond }) => framesPerSecond, aim: ">=0.95" },
  { name: "frozen (s)", of: ({ frozenS }) => frozenS, aim: "<=1" },
  { name: "picture (VMAF)", of: ({ vmaf }) => vmaf, aim: ">=0.95" },
  { name: "picture (SSIM)", of: ({ ssim }) => ssim, aim: ">=0.95" },
  { name: "speech (PESQ)", of: ({ pesq }) => pesq, aim: ">=0.95" },
  { name: "concealed (%)", of: ({ concealed }) => 100 * concealed, aim: "<=1" },
  { name: "delay (ms)", of: ({ delayMs }) => delayMs, aim: "<=1" },
];

const runs = new Alternating(IMPAIRMENTS, { scored: true });
await runs.run((situation, pair, observed, round, material) => {
  const found = figures(situation, observed, DEMAND_BPS);
  const [step] = found.steps;
  const [{ right }] = observed.sides;
  const delayMs = situation.forward.delay_ms + step.queueP50Ms + right.bufferMs;
  const { pictures, sound } = right.kept;
  keep(`impairments-${situation.id}-${pair}-${round}.pgm`, greymap(pictures.at(-1)));
  const scores = { ...scorePictures(material.video, pictures), pesq: scoreSpeech(material.sound, sound) };
  console.error(
    `${situation.id} ${pair}: ${found.framesPerSecond.toFixed(1)} frames/s, frozen ${found.frozenS.toFixed(1)} s,`,
    `VMAF ${scores.vmaf.toFixed(1)}, PESQ ${scores.pesq.toFixed(2)}`,
  );
  return { ...found, ...scores, usedBps: step.usedBps, delayMs };
});
console.log(table(runs.cases.flatMap((situation) => runs.pairs.flatMap(({ name }) => line(situation, name)))));
publish("impairments", runs.rows(MEASURES));

function line({ id, title }, pair) {
  const found = runs.of(id, pair);
  if (found.length === 0) return [];
  const of = (figure, digits = 0) => median(found.map(figure)).toFixed(digits);
  return {
    path: title,
    pair,
    "frames/s": of(({ framesPerSecond }) => framesPerSecond, 1),
    freezes: of(({ freezes }) => freezes),
    "frozen s": of(({ frozenS }) => frozenS, 1),
    VMAF: of(({ vmaf }) => vmaf, 1),
    SSIM: of(({ ssim }) => ssim, 3),
    PESQ: of(({ pesq }) => pesq, 2),
    "concealed %": of(({ concealed }) => 100 * concealed, 2),
    "media kbit/s": of(({ usedBps }) => usedBps / 1000),
    "lost %": of(({ lost }) => 100 * lost, 1),
    "queue p95 ms": of(({ queueP95Ms }) => queueP95Ms),
    "delay ms": of(({ delayMs }) => delayMs),
    "machine busy %": of(({ busy }) => 100 * busy),
  };
}
