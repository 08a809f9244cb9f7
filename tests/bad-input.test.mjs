/** What goes wrong has a code, and never touches somebody else's call. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { checkPicture, longestGapMs } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { RawSocket, strangeServer } from "./support/websocket.mjs";

const EXIT_LIMIT_MS = 20_000;
/** Exit status of a peer whose call could not go on. */
const CALL_FAILED = 2;
const PROTOCOL = 1;
const MAX_MESSAGE_BYTES = 65_536;
const INVALID_IN_A_ROW = 32;
/** A call that is disturbed shows it by a gap; the machine itself may cause smaller ones. */
const LONGEST_GAP_MS = 1_000;

const HELLO = { type: "hello", payload: { protocol: PROTOCOL, client: "bad-input" } };
const MEDIA = { microphone: true, camera: true };

/** A call between two peers, watched from the moment that both see each other. */
async function startCall(scope, link) {
  const ada = Peer.start(scope, link, { name: "Ada", record: true });
  const adaId = (await ada.inRoom()).event.state.you;
  const bob = Peer.start(scope, link, { name: "Bob", record: true });
  const bobId = (await bob.inRoom()).event.state.you;
  const peers = [ada, bob];
  await Promise.all(peers.map((peer) => peer.sees()));
  const watched = peers.map((peer) => peer.recording.watch());
  const begin = performance.now();
  const events = peers.map((peer) => peer.events.length);
  return {
    ada: adaId,
    /** Proves that neither of the two noticed anything that has to do with the other. */
    async checkUndisturbed(t) {
      const seconds = (performance.now() - begin) / 1000;
      for (const [index, peer] of peers.entries()) {
        const seen = watched[index]();
        checkPicture(t, peer.program.name, seen, { seconds });
        assert.ok(longestGapMs(seen.arrivalsMs) < LONGEST_GAP_MS, `${peer.program.name} had a gap`);
        const other = [bobId, adaId][index];
        const noticed = peer.events.slice(events[index]).filter((event) => JSON.stringify(event).includes(other));
        assert.deepEqual(noticed, [], `${peer.program.name} noticed something`);
      }
      for (const peer of peers) await peer.leave();
    },
  };
}

test("nobody's bad input touches the call of others", { timeout: 180_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const link = server.room();
  const call = await startCall(scope, link);
  const connect = async (headers) => RawSocket.connect(scope, server.webSocket, headers);
  const greeted = async () => {
    const client = await connect();
    client.send(HELLO);
    assert.equal((await client.next()).type, "welcome");
    return client;
  };
  const refused = async (client, code) => {
    const { type, payload } = await client.next();
    assert.equal(type, "error");
    assert.equal(payload.code, code);
  };

  await t.test("a full room refuses a third participant", async () => {
    const third = Peer.start(scope, link, { name: "Third" });
    await third.fails("room_full");
    assert.equal((await third.program.ended(EXIT_LIMIT_MS)).code, CALL_FAILED);
  });

  await t.test("messages that are none are refused one by one", async () => {
    const client = await greeted();
    const wrong = [
      "",
      "not JSON",
      "[]",
      "null",
      { type: "unheard_of" },
      { type: "join" },
      { type: "join", payload: { room: "", name: "Eve", media: MEDIA } },
      { type: "join", payload: { room: "a/b", name: "Eve", media: MEDIA } },
      { type: "join", payload: { room: "r".repeat(65), name: "Eve", media: MEDIA } },
      { type: "join", payload: { room: "room", name: "\u0007", media: MEDIA } },
      { type: "join", payload: { room: "room", name: "Eve", media: MEDIA, more: 1 } },
      { type: "candidates", payload: { to: call.ada, candidates: Array(33).fill({ candidate: "c", mid: "0", ufrag: "u" }) } },
      "[".repeat(10_000),
      new Uint8Array([1, 2, 3]),
    ];
    for (const message of wrong) {
      client.send(message);
      await refused(client, "invalid_message");
    }
    const fine = { room: `bad-input-${process.pid}`, name: "Eve", media: MEDIA };
    client.send({ type: "join", payload: fine });
    assert.equal((await client.next()).type, "joined", "the connection is still good");
    client.send({ type: "join", payload: fine });
    await refused(client, "unexpected_message");
  });

  await t.test("messages to somebody else's room are refused", async () => {
    const client = await greeted();
    const attack = {
      type: "description",
      payload: { to: call.ada, description: { kind: "offer", negotiation: 9, sdp: "v=0\r\n" } },
    };
    client.send(attack);
    await refused(client, "not_in_room");
    client.send({ type: "join", payload: { room: `bad-input-${process.pid}-2`, name: "Eve", media: MEDIA } });
    assert.equal((await client.next()).type, "joined");
    client.send(attack);
    await refused(client, "unknown_participant");
  });

  await t.test("a message that is too large ends its connection", async () => {
    const client = await greeted();
    client.send("x".repeat(MAX_MESSAGE_BYTES + 1));
    await refused(client, "message_too_large");
    assert.equal(await client.closeCode(), 1009);
  });

  await t.test("garbage without end ends its connection", async () => {
    const client = await greeted();
    for (let i = 0; i < INVALID_IN_A_ROW; i++) client.send("garbage");
    assert.equal(await client.closeCode(), 1007);
  });

  await t.test("another protocol version is refused", async () => {
    const client = await connect();
    client.send({ type: "hello", payload: { protocol: 99, client: "from the future", more: true } });
    await refused(client, "unsupported_protocol");
    assert.equal(await client.closeCode(), 1008);
  });

  await t.test("who does not greet is refused", async () => {
    const client = await connect();
    client.send({ type: "leave" });
    await refused(client, "hello_expected");
    assert.equal(await client.closeCode(), 1008);
  });

  await t.test("pages of other sites are refused", async () => {
    assert.equal(await connect({ origin: "https://elsewhere.example" }), 403);
  });

  await observe(5_000);
  await t.test("the call of the others went on", () => call.checkUndisturbed(t));
});

test("a participant that talks nonsense does not touch the call of the others", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope, { args: ["--room-size", "3"] });
  const link = server.room();
  const call = await startCall(scope, link);
  const client = await RawSocket.connect(scope, server.webSocket);
  client.send(HELLO);
  client.send({ type: "join", payload: { room: link.split("/r/")[1], name: "Eve", media: MEDIA } });
  assert.equal((await client.next()).type, "welcome");
  const { payload } = await client.next();
  assert.deepEqual(payload.participants.map(({ role }) => role), ["offerer", "offerer"]);
  const garbage = ["", "v=0", "\u0000", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio", "ice-ufrag:".repeat(4_000)];
  for (const { id } of payload.participants) {
    garbage.forEach((sdp, i) => {
      client.send({ type: "description", payload: { to: id, description: { kind: "answer", negotiation: i, sdp } } });
      client.send({ type: "description", payload: { to: id, description: { kind: "offer", negotiation: i + 1, sdp } } });
      const candidates = Array(32).fill({ candidate: `candidate:${sdp.slice(0, 100)}`, mid: "9", ufrag: `u${i}` });
      client.send({ type: "candidates", payload: { to: id, candidates } });
      client.send({ type: "end_of_candidates", payload: { to: id, ufrag: `u${i}` } });
    });
  }
  await observe(5_000);
  await call.checkUndisturbed(t);
});

test("a server that is down is unreachable", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  await server.program.end();
  const peer = Peer.start(scope, server.room());
  await peer.fails("server_unreachable");
  assert.equal((await peer.program.ended(EXIT_LIMIT_MS)).code, CALL_FAILED);
});

test("a peer says that its protocol is not the server's", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const answer = { type: "error", payload: { code: "unsupported_protocol", message: "this is version 2" } };
  const peer = Peer.start(scope, `${await strangeServer(scope, answer)}/r/room`);
  await peer.fails("unsupported_protocol");
  assert.equal((await peer.program.ended(EXIT_LIMIT_MS)).code, CALL_FAILED);
});

test("a peer says that the server makes no sense", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const peer = Peer.start(scope, `${await strangeServer(scope, "what?")}/r/room`);
  await peer.fails("server_garbage");
  assert.equal((await peer.program.ended(EXIT_LIMIT_MS)).code, CALL_FAILED);
});

const BROKEN_DEVICES = [
  { what: "a camera that is not there", kind: "camera", code: "not_found", options: { camera: "no such camera" } },
  ...(existsSync("/dev/video0")
    ? []
    : [{ what: "no camera at all", kind: "camera", code: "not_found", options: { camera: "default" } }]),
  { what: "a camera file that is not there", kind: "camera", code: "file", options: { camera: "/nowhere/clip.y4m" } },
  {
    what: "no microphone at all",
    kind: "microphone",
    code: "not_found",
    options: { microphone: "default", env: { PULSE_SERVER: "unix:/nowhere/pulse", PULSE_RUNTIME_PATH: "/nowhere" } },
  },
  { what: "a sound file that is not there", kind: "microphone", code: "file", options: { microphone: "/nowhere/a.wav" } },
  { what: "a speaker file that cannot be written", kind: "speaker", code: "file", options: { speaker: "/nowhere/b.wav" } },
];

for (const { what, kind, code, options } of BROKEN_DEVICES) {
  test(`${what}: the ${kind} is ${code}, and the call goes on`, { timeout: 60_000 }, async (t) => {
    const scope = new Scope(t);
    const server = await Server.start(scope);
    const link = server.room();
    const broken = Peer.start(scope, link, { name: "Broken", record: true, ...options });
    await broken.deviceFails(kind, code);
    await broken.inRoom();
    const other = Peer.start(scope, link, { name: "Other" });
    await Promise.all([broken.sees(), broken.connected(), other.connected()]);
    const watched = broken.recording.watch();
    await observe(3_000);
    assert.ok(watched().count >= 3 * 14 - 2, "it sees the other");
    if (kind !== "camera") await other.sees();
    await Promise.all([broken.leave(), other.leave()]);
    const { received_audio, sent_audio } = other.stats().at(-1).peers[0];
    assert.ok(sent_audio.packets > 100, "the other sends sound");
    if (kind !== "microphone") assert.ok(received_audio.packets > 100, "the other hears it");
  });
}
