import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { EmulatedLink } from "../../tests/support/emulated-link.mjs";
import { Program } from "../../tests/support/process.mjs";
import { Scope } from "../../tests/support/scope.mjs";
import { Server } from "../../tests/support/server.mjs";

const BULK = fileURLToPath(new URL("bulk-tcp.py", import.meta.url));
const TICKS_PER_SECOND = 100;

/**
 * What was seen of the calls over one link: by the link second by second, and by each side that received.
 *
 * @typedef {{ seconds: import("../../tests/support/emulated-link.mjs").Second[],
 *   sides: { left: import("./network-sides.mjs").Reception, right: import("./network-sides.mjs").Reception }[],
 *   busy: number }} Observed `sides`: one entry a call; `busy`: share of the machine's processors
 */

/**
 * Runs the calls of a case between two kinds of sides over a link of their own.
 *
 * @param {import("./cases.mjs").Case} situation
 * @param {{ left: Function, right: Function }} kinds of `network-sides.mjs`
 * @param {import("./alternating.mjs").Material} material
 * @returns {Promise<Observed>}
 */
export async function observeCalls(situation, kinds, material) {
  const endings = [];
  const scope = new Scope({ after: (ending) => endings.push(ending) });
  try {
    return await calls(scope, situation, kinds, material);
  } finally {
    for (const ending of endings) await ending();
  }
}

async function calls(scope, situation, kinds, material) {
  const { seconds, bothWays, tcp, mediaFrom, startsGood, forward, back } = situation;
  const link = await EmulatedLink.up(scope);
  const { namespaces, addresses } = link;
  // Pages and signaling take the link too, the pages while everything passes.
  const server = await Server.start(scope, { namespace: namespaces.right, address: addresses.right });
  const pairs = [];
  for (let call = 0; call < situation.calls; call += 1) {
    const room = server.room();
    const open = (side, sends) =>
      kinds[side](scope, { ...material, link: room, namespace: namespaces[side], name: `${side} ${call}`, sends });
    pairs.push({ left: await open("left", true), right: await open("right", bothWays) });
  }
  await Promise.all(pairs.map(({ left }) => left.enter()));
  if (!startsGood) await link.configure({ forward, back });
  if (mediaFrom > 0) {
    link.start();
    if (tcp) await startBulk(scope, link);
    await link.passed(mediaFrom);
  }
  await Promise.all(pairs.map(({ right }) => right.enter()));
  const receivers = pairs.flatMap(({ left, right }) => (bothWays ? [left, right] : [right]));
  await Promise.all(receivers.map((side) => side.sees()));
  if (startsGood) await link.configure({ forward, back });
  if (mediaFrom === 0) {
    link.start();
    if (tcp) await startBulk(scope, link);
  }
  const all = pairs.flatMap(({ left, right }) => [left, right]);
  await Promise.all(all.map((side) => side.begin()));
  const usedBefore = busySeconds();
  const began = performance.now();
  await link.passed(seconds);
  const busy = (busySeconds() - usedBefore) / ((performance.now() - began) / 1000) / cpus().length;
  const sides = await Promise.all(
    pairs.map(async ({ left, right }) => ({ left: await left.end(), right: await right.end() })),
  );
  return { seconds: link.seconds.slice(0, seconds), sides, busy };
}

async function startBulk(scope, { namespaces: { left, right }, addresses }) {
  const receiver = new Program(scope, "python3", [BULK, "receive", addresses.right], { namespace: right });
  const port = await receiver.line((line) => /^port (\d+)$/.exec(line)?.[1], "its port", 10_000);
  new Program(scope, "python3", [BULK, "send", addresses.right, port], { namespace: left });
}

/** Seconds that all processors together have worked. */
function busySeconds() {
  const [all] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user, nice, system, , , interrupts, soft] = all.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + interrupts + soft) / TICKS_PER_SECOND;
}
