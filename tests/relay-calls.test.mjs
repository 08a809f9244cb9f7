/**
 * Two who cannot reach each other call through a relay, whatever way to it their networks leave them: UDP, TCP or TLS; our own
 * relay and Debian's coturn. Needs root, for the networks.
 */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Certificate } from "./support/certificate.mjs";
import { Coturn } from "./support/coturn.mjs";
import { observe } from "./support/deadline.mjs";
import { Internet } from "./support/internet.mjs";
import { Peer } from "./support/peer.mjs";
import { checkPicture, longestGapMs } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

const RELAY_PORT = 3478;
/** In which a call finds its rate. */
const BEFORE_MS = 1_000;
/** Long enough that a hiccup of the machine's is less than what may be missing. */
const SECONDS = 6;
/** Longer than between two pictures of a call that goes on. */
const NOTICED_MS = 250;
/** How much longer is watched than nothing may be seen. */
const AFTER_CUT_S = 5;
/** A relay that is heard from before signaling tells of it is a peer-reflexive candidate (RFC 8445 section 7.3.1.3). */
const KINDS_OF_RELAY = ["relay", "prflx"];
/** More than the checks of a relay that is not taken, and half of what one side says. */
const OF_CHECKS_BYTES = 100_000;

/** @typedef {"udp" | "tcp" | "tls"} Transport */
/** @typedef {"all" | "relay"} Mode */

for (const transport of /** @type {Transport[]} */ (["udp", "tcp", "tls"])) {
  for (const clients of ["peer and peer", "peer and tab"]) {
    for (const mode of /** @type {Mode[]} */ (["all", "relay"])) {
      test(`${clients}, our relay over ${transport}, mode ${mode}`, { timeout: 60_000 }, (t) => calls(t, { clients, transport, mode }));
    }
    test(`${clients}, coturn over ${transport}`, { timeout: 60_000 }, (t) => calls(t, { clients, transport, mode: "relay", coturn: true }));
  }
}

for (const transport of /** @type {Transport[]} */ (["udp", "tcp"])) {
  test(`peer and tab, whose networks have only IPv6, our relay over ${transport}`, { timeout: 60_000 }, (t) =>
    calls(t, { clients: "peer and tab", transport, mode: "all", family: 6 }));
}

/** @param {{ clients: string, transport: Transport, mode: Mode, coturn?: boolean, family?: 4 | 6 }} situation */
async function calls(t, { clients, transport, mode, coturn, family }) {
  const scope = new Scope(t);
  const world = await build(scope, { transport, mode, coturn, family });
  const { internet } = world;
  if (transport === "udp") await internet.count(RELAY_PORT);
  const ends = await enter(scope, world, clients);
  await Promise.all(ends.map((end) => end.sees()));
  await observe(BEFORE_MS);
  const seen = await Promise.all(ends.map((end) => end.watch(SECONDS)));
  for (const [index, end] of ends.entries()) {
    checkPicture(t, end.name, seen[index], { seconds: SECONDS });
    const stats = await end.stats();
    checkRelayed(end, stats, transport);
    const { milestones } = stats;
    t.diagnostic(`${end.name}: first picture ${milestones.first_frame_ms - milestones.peer_present_ms} ms after the other was there`);
  }
  if (transport === "udp") {
    const { udpBytes, tcpBytes } = await internet.counted();
    assert.ok(udpBytes > 2 * OF_CHECKS_BYTES, `${udpBytes} bytes over UDP`);
    assert.ok(tcpBytes < OF_CHECKS_BYTES, `${tcpBytes} bytes over TCP, though UDP works`);
  }
}

/** What becomes of the left one's stream to the relay. @type {Record<string, { cut: (internet: Internet) => Promise<void>, longestMs: number }>} */
const CUTS = {
  breaks: { cut: (internet) => internet.breakConnections(RELAY_PORT), longestMs: 3_000 },
  // Whether it is only slow has to be waited for, and ICE waits too (RFC 7675 section 5.1).
  "goes silent": { cut: (internet) => internet.silenceConnections(RELAY_PORT), longestMs: 12_000 },
};

for (const clients of ["peer and peer", "peer and tab"]) {
  for (const [what, { cut, longestMs }] of Object.entries(CUTS)) {
    test(`${clients}: the stream to the relay ${what}, and the call is back`, { timeout: 60_000 }, async (t) => {
      const scope = new Scope(t);
      const world = await build(scope, { transport: "tcp", mode: "all" });
      const ends = await enter(scope, world, clients);
      await Promise.all(ends.map((end) => end.sees()));
      await observe(BEFORE_MS);
      const seconds = longestMs / 1000 + AFTER_CUT_S;
      const watched = ends.map((end) => end.watch(seconds));
      await observe(1000);
      await cut(world.internet);
      const seen = await Promise.all(watched);
      assert.ok(seen.some(({ arrivalsMs }) => longestGapMs(arrivalsMs) > NOTICED_MS), "the relay was cut off");
      for (const [index, end] of ends.entries()) {
        const { arrivalsMs } = seen[index];
        const gapMs = Math.round(longestGapMs(arrivalsMs));
        t.diagnostic(`${end.name} sees nothing for ${gapMs} ms`);
        assert.ok(gapMs <= longestMs, `${end.name} saw nothing for ${gapMs} ms`);
        assert.ok(arrivalsMs.length >= 14 * AFTER_CUT_S, `${end.name} saw ${arrivalsMs.length} pictures`);
        checkRelayed(end, await end.stats(), "tcp");
      }
    });
  }
}

/** Each end sends through its own relay, which it reaches that way and says so, and so to the other's. */
function checkRelayed(end, { peers: [{ candidate_pair: pair }] }, transport) {
  assert.equal(pair.local, "relay", end.name);
  assert.equal(pair.relay_protocol, transport, end.name);
  assert.ok(KINDS_OF_RELAY.includes(pair.remote), `${end.name} sends to a ${pair.remote} candidate`);
}

/**
 * Two hosts that reach a server and a relay, and not each other; and the relay in one way alone, but for UDP, beside which TCP
 * is open. The relay relays over IPv4, which is what clients ask for, however they reach it.
 *
 * @param {{ transport: Transport, mode: Mode, coturn?: boolean, family?: 4 | 6 }} situation
 */
async function build(scope, { transport, mode, coturn = false, family = 4 }) {
  const internet = await Internet.up(scope, { family });
  await internet.part();
  const [namespace, address] = [internet.namespaces.router, internet.address];
  const certificate = await Certificate.make(scope, scope.folder, address);
  const settings = [`[ice]\nmode = "${mode}"`];
  if (coturn) {
    const { secret } = await Coturn.start(scope, { namespace, address, certificate });
    const ways = ["udp", "tcp"].map((way) => `turn:${address}:${Coturn.port}?transport=${way}`);
    const urls = transport === "tls" ? [`turns:${address}:${Coturn.tlsPort}?transport=tcp`] : ways;
    settings.push(`[[ice.turn]]\nurls = ${JSON.stringify(urls)}\nsecret = "${secret}"`);
  } else {
    const listen = family === 6 ? `"[::]:${RELAY_PORT}"\npublic_addresses = ${JSON.stringify(internet.routerAddresses)}` : `"${address}:${RELAY_PORT}"`;
    settings.push(`[turn]\nenabled = true\nlisten = ${listen}`);
    if (transport === "tls") settings.push(`[tls]\ncertificate = "${certificate.file}"\nkey = "${certificate.key}"`);
  }
  const file = join(scope.folder, "server.toml");
  writeFileSync(file, `${settings.join("\n")}\n`);
  const host = family === 6 ? `[${address}]` : address;
  const server = await Server.start(scope, { address: host, args: ["--config", file], namespace });
  // The way over TLS to our own relay is that of the page.
  const wayToRelay = { tcp: RELAY_PORT, tls: Coturn.tlsPort };
  if (transport !== "udp") await internet.letInOnly([Number(new URL(server.origin).port), wayToRelay[transport]]);
  return { internet, server, certificate };
}

/**
 * Somebody on each host enters a room.
 *
 * @param {Awaited<ReturnType<typeof build>>} world
 */
async function enter(scope, { internet, server, certificate }, clients) {
  const link = server.room();
  const { left, right } = internet.namespaces;
  const trusting = { env: { SSL_CERT_FILE: certificate.file } };
  const bob = Peer.start(scope, link, { name: "Bob", record: true, namespace: left, ...trusting });
  await bob.inRoom();
  if (clients === "peer and peer") {
    const ada = Peer.start(scope, link, { name: "Ada", record: true, namespace: right, ...trusting });
    return [endOf(bob), endOf(ada)];
  }
  const ada = await Tab.open(scope, link, { name: "Ada", namespace: right, trusts: certificate });
  return [endOf(bob), { name: "Ada", sees: () => ada.sees(), watch: async (seconds) => (await ada.watch(seconds)).picture, stats: () => ada.stats() }];
}

function endOf(peer) {
  return {
    name: peer.program.name,
    sees: () => peer.sees(),
    watch: async (seconds) => {
      const stop = peer.recording.watch();
      await observe(seconds * 1000);
      return stop();
    },
    stats: () => peer.stats().at(-1),
  };
}
