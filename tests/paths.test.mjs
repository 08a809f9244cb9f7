/** What clients tell operators of how media gets through, as it is told to Prometheus. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { observe, until } from "./support/deadline.mjs";
import { scrape } from "./support/metrics.mjs";
import { Peer } from "./support/peer.mjs";
import { freePort } from "./support/ports.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

/** A pair is told with the statistics, which are of each second. */
const TOLD_LIMIT_MS = 5_000;
/** Until a path counts as disconnected, a restart is due, and it is found again. */
const RESTART_LIMIT_MS = 20_000;
const LONGEST_CONNECT_S = 10;
const PREFIX = "visavis_path_";

test("a tab and a peer that reach each other are two ends of a direct connection", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const { server, metrics } = await start(scope);
  await meet(scope, server);
  const { connections, seconds } = await toldByBoth(metrics);
  assert.deepEqual([...new Set(connections.map(({ kind }) => kind === "relay"))], [false], "no relay is there");
  assert.deepEqual([...new Set(connections.map(({ relay_protocol }) => relay_protocol))], [""]);
  t.diagnostic(`${JSON.stringify(connections)}, ${seconds} s together`);
  assert.ok(seconds > 0 && seconds < 2 * LONGEST_CONNECT_S, `connected after ${seconds} s, both together`);
});

for (const protocol of ["udp", "tcp"]) {
  test(`a tab and a peer that are relayed over ${protocol} say so`, { timeout: 60_000 }, async (t) => {
    const scope = new Scope(t);
    const secret = "a secret of this test and of nobody else";
    const relay = await freePort();
    await Server.start(scope, { args: configured(scope, "relay", `[turn]\nenabled = true\nlisten = "127.0.0.1:${relay}"\nsecret = "${secret}"`) });
    const service = `[ice]\nmode = "relay"\n[[ice.turn]]\nurls = ["turn:127.0.0.1:${relay}?transport=${protocol}"]\nsecret = "${secret}"`;
    const { server, metrics } = await start(scope, service);
    await meet(scope, server);
    const { connections } = await toldByBoth(metrics);
    assert.deepEqual(connections, [{ kind: "relay", relay_protocol: protocol, family: "ipv4", count: 2 }]);
  });
}

test("a peer that stands still for a while is lost and found again", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const { server, metrics } = await start(scope);
  const [, bob] = await meet(scope, server, { native: true });
  await toldByBoth(metrics);
  process.kill(bob.program.pid, "SIGSTOP");
  try {
    await until(RESTART_LIMIT_MS, "ICE to be restarted", async () => (await metrics("restarts_total"))[0].count > 0);
  } finally {
    process.kill(bob.program.pid, "SIGCONT");
  }
  await until(RESTART_LIMIT_MS, "the path to be back", async () => (await metrics("reconnects_total"))[0].count > 0);
  assert.deepEqual((await metrics("failures_total")).filter(({ count }) => count > 0), []);
});

test("nobody tells anything where the operator does not want to know", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const { server, metrics, operators } = await start(scope, "", "path_reports = false");
  await meet(scope, server);
  await observe(TOLD_LIMIT_MS);
  assert.deepEqual((await metrics("connections_total")).filter(({ count }) => count > 0), []);
  const [{ count }] = await scrape(operators, "visavis_participants");
  assert.equal(count, 2, "both are there");
});

/** Ada in a tab, or like Bob natively, and Bob see each other. */
async function meet(scope, server, { native = false } = {}) {
  const link = server.room();
  const bob = Peer.start(scope, link, { name: "Bob" });
  await bob.inRoom();
  const ada = native ? Peer.start(scope, link, { name: "Ada" }) : await Tab.open(scope, link, { name: "Ada" });
  await Promise.all([ada.sees(), bob.sees()]);
  return [ada, bob];
}

/** What both ends have told of their connection, once they have. */
function toldByBoth(metrics) {
  return until(TOLD_LIMIT_MS, "both to tell how they are connected", async () => {
    const connections = (await metrics("connections_total")).filter(({ count }) => count > 0);
    const total = connections.reduce((sum, { count }) => sum + count, 0);
    assert.ok(total <= 2, `${total} connections were told, of two ends`);
    if (total < 2) return undefined;
    const sums = await metrics("connect_duration_seconds_sum");
    const told = connections.map(({ name, ...rest }) => rest);
    return { connections: told, seconds: sums.reduce((sum, { count }) => sum + count, 0) };
  });
}

/** A server, and what it counts of paths. */
async function start(scope, settings = "", admin = "") {
  const operators = `127.0.0.1:${await freePort()}`;
  const text = `[admin]\nlisten = "${operators}"\n${admin}\n${settings}`;
  const server = await Server.start(scope, { args: configured(scope, "server", text) });
  const metrics = async (name) => (await scrape(operators, PREFIX)).filter((it) => it.name === name);
  return { server, metrics, operators };
}

function configured(scope, name, text) {
  const file = join(scope.folder, `${name}.toml`);
  writeFileSync(file, `${text}\n`);
  return ["--config", file];
}
