/** Coturn's client, a browser and our relay: whoever may is relayed, and whoever may not is told why. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { Scope } from "./support/scope.mjs";
import { mint, relayOf, runClient, startEcho, startRelay } from "./support/turn.mjs";

const BROWSER = process.env.VISAVIS_CHROMIUM_BIN ?? "/usr/bin/chromium";
const SECRET = "a secret of this test, and of no server";
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
        // The port that it comes from may have been that of a client before, whose relay is still there: it takes another.
        const ofPeer = refusals.filter((code) => code !== 437);
        assert.deepEqual([received, ofPeer], [0, [403]], `${peer} ${way}`);
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

for (const transport of ["udp", "tcp"]) {
  test(`Chromium's connections go through the relay over ${transport}, and through nothing else`, { timeout: 60_000 }, async (t) => {
    const scope = new Scope(t);
    const server = await startRelay(scope);
    const { urls, username, credential } = await relayOf(scope, server);
    const url = urls.find((it) => it.endsWith(`transport=${transport}`));
    const browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox", "--disable-gpu"] });
    scope.defer(() => browser.close());
    const page = await browser.newPage();
    await page.goto(server.origin);
    const { heard, pairs } = await page.evaluate(throughRelay, [{ urls: [url], username, credential }]);
    assert.equal(heard, "hello");
    assert.deepEqual(pairs, [["relay", transport, "relay"], ["relay", transport, "relay"]]);
  });
}

/**
 * Two connections in one page, that may use relays alone, and a word from one to the other. Runs in the page.
 *
 * @returns {Promise<{ heard: string, pairs: string[][] }>} `pairs`: of each, the type of its own candidate, the transport to
 *   the relay, and the type of the other candidate
 */
async function throughRelay(iceServers) {
  const ends = [0, 1].map(() => new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" }));
  ends.forEach((end, i) => end.addEventListener("icecandidate", ({ candidate }) => ends[1 - i].addIceCandidate(candidate)));
  const channel = ends[0].createDataChannel("words");
  const heard = new Promise((resolve) => {
    ends[1].addEventListener("datachannel", (event) => event.channel.addEventListener("message", ({ data }) => resolve(data)));
  });
  channel.addEventListener("open", () => channel.send("hello"));
  await ends[0].setLocalDescription();
  await ends[1].setRemoteDescription(ends[0].localDescription);
  await ends[1].setLocalDescription();
  await ends[0].setRemoteDescription(ends[1].localDescription);
  const word = await heard;
  const pairs = ends.map(async (end) => {
    const stats = await end.getStats();
    const transport = [...stats.values()].find(({ type }) => type === "transport");
    const pair = stats.get(transport.selectedCandidatePairId);
    const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
    return [local.candidateType, local.relayProtocol, remote.candidateType];
  });
  return { heard: word, pairs: await Promise.all(pairs) };
}
