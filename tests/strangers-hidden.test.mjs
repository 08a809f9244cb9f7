/** A stranger who gives addresses to see where the checks come from sees nothing. */

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { observe, within } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { Scope } from "./support/scope.mjs";
import { startForStrangers } from "./support/strangers.mjs";
import { Tab } from "./support/tab.mjs";
import { RawSocket } from "./support/websocket.mjs";

const OFFER_LIMIT_MS = 15_000;
/** In which an engine that is not relayed sends dozens of checks. */
const WATCHED_MS = 4_000;
const CHECK_LIMIT_MS = 10_000;
const [UFRAG, PASSWORD] = ["trap", "0123456789abcdef01234567"];
const HERE = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === "IPv4" && !internal)?.address;

for (const client of ["peer", "tab"]) {
  test(`a ${client} that is relayed contacts no address of a stranger's`, { timeout: 60_000 }, async (t) => {
    const { udp, tcp } = await lure(new Scope(t), client, "auto");
    await observe(WATCHED_MS);
    assert.deepEqual([udp.heard, tcp.connections], [0, 0]);
  });

  // Else the test above would show nothing.
  test(`a ${client} that is not relayed does`, { timeout: 60_000 }, async (t) => {
    const { udp } = await lure(new Scope(t), client, "never");
    await within(CHECK_LIMIT_MS, "a check", udp.first);
  });
}

/** Has a client meet a stranger who answers with addresses that somebody listens at. */
async function lure(scope, client, relay) {
  const address = HERE ?? "127.0.0.1";
  const [udp, tcp] = [await listenUdp(scope), await listenTcp(scope)];
  const candidates = [
    `candidate:1 1 udp 2122260223 ${address} ${udp.port} typ host`,
    `candidate:2 1 udp 1686052607 ${address} ${udp.port} typ srflx raddr 0.0.0.0 rport 9`,
    `candidate:3 1 tcp 1518280447 ${address} ${tcp.port} typ host tcptype passive`,
    `candidate:4 1 tcp 1518280447 ${address} ${tcp.port} typ relay raddr 0.0.0.0 rport 9 tcptype passive`,
  ];
  const server = await startForStrangers(scope, { relay });
  const stranger = await RawSocket.connect(scope, server.webSocket);
  const say = (type, payload) => stranger.send({ type, payload });
  say("hello", { protocol: 1, client: "stranger" });
  say("seek", { name: "Eve", media: { microphone: true, camera: true } });
  while ((await stranger.next()).type !== "queued");
  if (client === "tab") await Tab.open(scope, `${server.origin}/meet`, { name: "Ada" });
  else Peer.start(scope, `${server.origin}/meet`, { name: "Ada" });

  let message;
  do message = await stranger.next(OFFER_LIMIT_MS);
  while (message.type !== "description");
  const { from: to, description } = message.payload;
  const sdp = answerTo(description.sdp, candidates);
  say("description", { to, description: { kind: "answer", negotiation: description.negotiation, sdp } });
  say("candidates", { to, candidates: candidates.map((candidate) => ({ candidate, mid: "0", ufrag: UFRAG })) });
  return { udp, tcp };
}

/** An offer turned into an answer, with these candidates in its first section. */
function answerTo(offer, candidates) {
  const lines = offer.split("\r\n").filter((line) => !/^a=(ssrc|msid|candidate|end-of-candidates)/.test(line));
  let isFirst = true;
  const answer = lines.flatMap((line) => {
    if (line.startsWith("a=setup:")) return ["a=setup:active"];
    if (line.startsWith("a=ice-ufrag:")) return [`a=ice-ufrag:${UFRAG}`];
    if (!line.startsWith("a=ice-pwd:")) return [line];
    const added = isFirst ? candidates.map((candidate) => `a=${candidate}`) : [];
    isFirst = false;
    return [`a=ice-pwd:${PASSWORD}`, ...added];
  });
  return answer.join("\r\n");
}

async function listenUdp(scope) {
  const socket = createSocket("udp4");
  const udp = { heard: 0, port: 0, first: once(socket, "message") };
  socket.on("message", () => (udp.heard += 1));
  socket.bind(0, "0.0.0.0");
  await once(socket, "listening");
  scope.defer(() => socket.close());
  udp.port = socket.address().port;
  return udp;
}

async function listenTcp(scope) {
  const tcp = { connections: 0, port: 0 };
  const server = createServer((socket) => {
    tcp.connections += 1;
    socket.on("error", () => undefined);
  });
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  scope.defer(() => server.close());
  tcp.port = server.address().port;
  return tcp;
}
