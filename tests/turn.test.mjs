/** Coturn's client and our relay: whoever may is relayed, and whoever may not is told why. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Scope } from "./support/scope.mjs";
import { mint, relayOf, runClient, startEcho, startRelay } from "./support/turn.mjs";

const SECRET = "a secret of this test";
const WITH_SECRET = `secret = "${SECRET}"`;
const MESSAGES = 20;
const CLIENTS = 4;
const LOAD = ["-n", String(MESSAGES), "-m", String(CLIENTS), "-l", "200"];
/** A peer that the server may reach, and its own address that it may not. */
const PEER = "127.0.0.2";
/** Coturn's client leaves its relay behind when it is refused. */
const MANY = "allocations_per_user = 1000\nallocations_per_address = 1000";
const tomorrow = () => Math.floor(Date.now() / 1000) + 86_400;

for (const [transport, flags] of [["UDP", []], ["TCP", ["-t"]]]) {
  test(`a session is relayed over ${transport}, by channels and by indications`, { timeout: 120_000 }, async (t) => {
    const scope = new Scope(t);
    const server = await startRelay(scope, { settings: `allow = ["${PEER}/32"]` });
    const relay = await relayOf(scope, server);
    const port = await startEcho(scope, PEER);
    for (const way of [[], ["-s"]]) {
      const { sent, received, refusals } = await runClient(scope, relay, [
        ...flags,
        ...way,
        ...LOAD,
        ...["-e", PEER, "-r", String(port)],
      ]);
      assert.deepEqual([sent, received, refusals], [MESSAGES * CLIENTS, MESSAGES * CLIENTS, []]);
    }
  });

  test(`two who are relayed over ${transport} reach each other`, { timeout: 120_000 }, async (t) => {
    const scope = new Scope(t);
    const relay = await relayOf(scope, await startRelay(scope));
    const { sent, received, refusals } = await runClient(scope, relay, [...flags, ...LOAD, "-y"]);
    assert.ok(sent >= MESSAGES * CLIENTS, `${sent} were sent`);
    assert.deepEqual([received, refusals], [sent, []]);
  });
}

test("who has no credentials of today is refused", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await startRelay(scope, { settings: `${WITH_SECRET}\nallow = ["${PEER}/32"]` });
  const { port } = await relayOf(scope, server);
  const echo = await startEcho(scope, PEER);
  const args = ["-n", "1", "-e", PEER, "-r", String(echo)];
  const of = async (credentials) => {
    const { received, challenged } = await runClient(scope, { ...credentials, port }, args);
    return { received, challenged };
  };
  assert.deepEqual(await of(mint(SECRET, "owl", tomorrow())), { received: 1, challenged: false });
  assert.deepEqual(await of(mint("another", "owl", tomorrow())), { received: 0, challenged: true });
  assert.deepEqual(await of(mint(SECRET, "owl", tomorrow() - 86_401)), { received: 0, challenged: true });
  assert.deepEqual(await of({ username: "owl", credential: SECRET }), { received: 0, challenged: true });
});

const FORBIDDEN = {
  "127.0.0.1": [
    ...["127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"],
    ...["192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255"],
  ],
  "::1": [
    ...["::1", "::", "fe80::1", "fd00:ec2::254", "fc00::1", "ff02::1", "2001:db8::1"],
    ...["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1"],
    ...["64:ff9b::169.254.169.254", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2001:0:a00:1::fefe:fefe"],
    ...["2001:0:101:101::80ff:fffe"],
  ],
};

for (const [listen, peers] of Object.entries(FORBIDDEN)) {
  test(`forbidden peers of ${listen} are refused in all spellings`, { timeout: 120_000 }, async (t) => {
    const scope = new Scope(t);
    const { port } = await relayOf(scope, await startRelay(scope, { listen, settings: WITH_SECRET, limits: MANY }));
    const relay = { ...mint(SECRET, "owl", tomorrow()), port, server: listen };
    const family = listen.includes(":") ? ["-x"] : [];
    for (const peer of peers) {
      for (const way of [[], ["-s"]]) {
        const { received, refusals } = await runClient(scope, relay, [...family, ...way, "-n", "1", "-e", peer]);
        assert.deepEqual([received, refusals], [0, [403]], `${peer} ${way}`);
      }
    }
  });
}

test("a user has so many relays and no more", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await startRelay(scope, { settings: WITH_SECRET, limits: "allocations_per_user = 3" });
  const { port } = await relayOf(scope, server);
  // It opens one for each client, and one before, to find out what the server can do.
  const refusalsOf = async (id, clients) =>
    (await runClient(scope, { ...mint(SECRET, id, tomorrow()), port }, ["-n", "1", "-m", clients, "-y"])).refusals;
  assert.deepEqual(await refusalsOf("owl", "2"), []);
  assert.deepEqual(await refusalsOf("cat", "4"), [486]);
});
