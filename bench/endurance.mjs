/**
 * Long calls between two headless peers, 640x360 at 15 and 1280x720 at 30: whether processor time and memory stay the
 * same. The last third of each call is compared with its first.
 *
 * `cargo xtask bench endurance [--json OUT]`, 22 minutes; VISAVIS_BENCH_SECONDS makes each call shorter.
 */

import { join } from "node:path";
import { keep, table } from "../tests/support/artefacts.mjs";
import { observe } from "../tests/support/deadline.mjs";
import { Peer } from "../tests/support/peer.mjs";
import { Scope } from "../tests/support/scope.mjs";
import { Server } from "../tests/support/server.mjs";
import { writeGrainyClip } from "./support/clip.mjs";
import { publish, row } from "./support/report.mjs";
import { follow } from "./support/usage.mjs";

const SECONDS = Number(process.env.VISAVIS_BENCH_SECONDS ?? 600);
const INTERVAL_S = 5;
/** Until estimates, buffers and the ladder have found their place. */
const SETTLE_MS = 30_000;

const CALLS = [
  { name: "360p15", format: { width: 640, height: 360, framesPerSecond: 15 } },
  { name: "720p30", format: { width: 1280, height: 720, framesPerSecond: 30 } },
];

/** @returns {Promise<import("./support/report.mjs").Row[]>} */
async function call({ name, format }) {
  const endings = [];
  const scope = new Scope({ after: (ending) => endings.push(ending) });
  const camera = join(scope.folder, "camera.y4m");
  try {
    writeGrainyClip(camera, format);
    const link = (await Server.start(scope)).room();
    const sides = ["Ada", "Bob"].map((name) => Peer.start(scope, link, { name, camera, speaker: "none" }));
    await Promise.all(sides.map((side) => side.sees()));
    await observe(SETTLE_MS);
    const used = await Promise.all(sides.map(({ program }) => follow(program.pid, SECONDS, INTERVAL_S)));
    return sides.flatMap((side, index) => {
      const who = `${name} ${side.program.name}`;
      keep(`endurance-${name}-${side.program.name}.txt`, table(used[index]));
      const { width, height, frames_per_second } = side.stats().at(-1).peers[0].sent_video;
      console.log(
        `${who} sends ${width}x${height} at ${frames_per_second.toFixed(1)} in the end; memory grows by`,
        `${slope(used[index].map(({ seconds, bytes }) => [seconds / 3600, bytes / 1e6])).toFixed(2)} MB an hour`,
      );
      return [
        compare(`${who}: processor (cores)`, used[index].map(({ cpu }) => cpu)),
        compare(`${who}: memory (MB)`, used[index].map(({ bytes }) => bytes / 1e6)),
      ];
    });
  } finally {
    for (const ending of endings) await ending();
  }
}

function compare(name, values) {
  const third = Math.floor(values.length / 3);
  return row(name, mean(values.slice(-third)), mean(values.slice(0, third)), "<=1.05");
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the straight line that is nearest to the points (least squares). @param {[number, number][]} points */
function slope(points) {
  const [x, y] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread;
}

const rows = [];
for (const each of CALLS) rows.push(...(await call(each)));
publish("endurance", rows, ["last third", "first third"]);
