/** The emulated link does what it is told, and says what it did. Needs root. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { observe } from "./support/deadline.mjs";
import { EmulatedLink } from "./support/emulated-link.mjs";
import { percentile } from "./support/picture.mjs";
import { Program, run } from "./support/process.mjs";
import { Scope } from "./support/scope.mjs";

const PROBE = fileURLToPath(new URL("support/udp-probe.mjs", import.meta.url));
const BYTES = 1000;
/** For the last packet, which nothing follows. */
const DELAY_LIMIT_MS = 600;

test("the emulated link delays, queues, drops and loses as told", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const link = await EmulatedLink.up(scope);
  const { left, right } = link.namespaces;
  const receiver = new Program(scope, "node", [PROBE, "receive", link.addresses.right], { namespace: right });
  const port = await receiver.line((line) => /^port (\d+)$/.exec(line)?.[1], "its port", 10_000);

  /** What arrives of a flow from left to right, in milliseconds that it took, by number. */
  async function send(count, intervalMs) {
    const from = receiver.lines.length;
    const words = [PROBE, "send", link.addresses.right, port, count, BYTES, intervalMs].map(String);
    await run(scope, "node", words, { namespace: left });
    await observe(DELAY_LIMIT_MS);
    return receiver.lines.slice(from).map((line) => line.split(" ").map(Number));
  }
  const delays = (packets) => packets.map(([, tookMs]) => tookMs);

  await t.test("delay", async (t) => {
    await link.configure({ forward: { delay_ms: 50 } });
    const took = delays(await send(200, 5));
    const figures = { p5: percentile(took, 0.05), p50: percentile(took, 0.5), p95: percentile(took, 0.95) };
    t.diagnostic(`50 ms are ${JSON.stringify(figures)}`);
    assert.equal(took.length, 200);
    assert.ok(Math.min(...took) >= 50 && figures.p50 < 53);
  });

  await t.test("jitter, in order", async (t) => {
    await link.configure({ forward: { delay_ms: 20, jitter_ms: 60 } });
    const packets = await send(400, 2);
    const took = delays(packets);
    const [p50, p95] = [0.5, 0.95].map((share) => percentile(took, share));
    t.diagnostic(`20 to 80 ms, mostly 20 to 40, are ${Math.min(...took)} to ${Math.max(...took)}, p50 ${p50}, p95 ${p95}`);
    assert.ok(packets.every(([number], i) => i === 0 || number > packets[i - 1][0]), "reordered");
    assert.ok(Math.min(...took) >= 20 && p50 > 24 && p95 < 60);
  });

  await t.test("independent loss, and bursts", async (t) => {
    await link.configure({ forward: { loss: 0.1 } });
    const alone = 1 - (await send(2000, 0.5)).length / 2000;
    await link.configure({ forward: { burst: { enter: 0.025, leave: 0.25 } } });
    const numbers = (await send(2000, 0.5)).map(([number]) => number);
    const inBursts = 1 - numbers.length / 2000;
    const bursts = numbers.filter((number, i) => i > 0 && number > numbers[i - 1] + 1).length;
    const length = (inBursts * 2000) / bursts;
    t.diagnostic(`10 % are ${(100 * alone).toFixed(1)} %, 9.1 % in bursts of 4 are ${(100 * inBursts).toFixed(1)} % in bursts of ${length.toFixed(1)}`);
    assert.ok(Math.abs(alone - 0.1) < 0.03 && Math.abs(inBursts - 0.091) < 0.04 && Math.abs(length - 4) < 1.5);
  });

  await t.test("a capacity that changes, and its queue", async (t) => {
    await link.configure({ forward: { capacity_bps: [[0, 1_000_000], [2, 500_000]], queue_ms: 300, delay_ms: 10 } });
    link.start();
    // 2 Mbit/s for 4 s.
    const took = delays(await send(1000, 4));
    await link.passed(5);
    const seconds = link.seconds.map(({ forward }) => forward);
    const dropped = seconds.reduce((sum, second) => sum + second.dropped, 0);
    t.diagnostic(
      `1 and 0.5 Mbit/s are ${seconds.map(({ udp_bps }) => udp_bps)}, a queue of 300 ms is ` +
        `${seconds.map(({ queue_p95_ms }) => queue_p95_ms)}, ${dropped} dropped, longest way ${Math.max(...took)} ms`,
    );
    assert.ok(Math.abs(seconds[1].udp_bps - 1_000_000) < 20_000 && Math.abs(seconds[3].udp_bps - 500_000) < 20_000);
    assert.ok(Math.abs(seconds[1].queue_p95_ms - 300) < 15);
    assert.equal(took.length + dropped, 1000);
  });
});
