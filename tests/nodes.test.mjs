/** Three servers with a Redis behind a load balancer are like one, and go on when one of them, Redis or a cable fails. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Caller } from "./support/caller.mjs";
import { observe, until } from "./support/deadline.mjs";
import { scrape } from "./support/metrics.mjs";
import { Nodes, ready } from "./support/nodes.mjs";
import { Peer } from "./support/peer.mjs";
import { longestGapMs } from "./support/picture.mjs";
import { freePort } from "./support/ports.mjs";
import { Postgres } from "./support/postgres.mjs";
import { Scope } from "./support/scope.mjs";
import { Tab } from "./support/tab.mjs";
import { RawSocket } from "./support/websocket.mjs";

const HELLO = { type: "hello", payload: { protocol: 1, client: "nodes/1" } };
const MEDIA = { microphone: true, camera: false };
const CROWD = 240;
const LONGEST_GAP_MS = 500;
/** A path is told with the statistics, which are of each second. */
const PATH_TOLD_MS = 5_000;
const TOLD_ONCE_MS = 2_000;
/** A lease is over after 10 s, and the others look every second. */
const LEASE_MS = 12_000;
/** Whoever is waited for in vain is so for the grace period, which is 30 s. */
const SETTLED_MS = 15_000;

test("a peer and a tab at two servers see and hear each other, and a host at one lets in who knocks at another", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const nodes = await Nodes.start(scope, { args: ["--room-size", "3"] });
  const [first, second, third] = nodes.servers;
  const link = ({ origin }) => `${origin}/r/blue-owl`;
  const peer = Peer.start(scope, link(first), { name: "Peer", record: true, args: ["--commands"] });
  await peer.inRoom();
  const tab = await Tab.open(scope, link(second), { name: "Tab" });
  await Promise.all([peer.sees(), tab.sees()]);
  peer.command({ type: "set_microphone", on: false });
  await tab.page.getByRole("img", { name: "Peer is muted" }).waitFor();

  peer.command({ type: "host", action: { action: "set_door", door: "lobby" } });
  await peer.event(isCall((event) => event.state?.door === "lobby"), "that there is a lobby");
  const eve = await welcomed(scope, third);
  eve.send(join("blue-owl", "Eve"));
  const { payload: waiting } = await eve.next();
  assert.equal(waiting.room, "blue-owl");
  const { event } = await peer.event(isCall(({ type }) => type === "knock"), "that Eve knocks");
  assert.match(JSON.stringify(event), /Eve/);
  peer.command({ type: "host", action: { action: "admit", participant: waiting.you } });
  const joined = await eve.next();
  assert.deepEqual([joined.type, joined.payload.participants.length], ["joined", 2]);
  await tab.leave();
  assert.equal((await next(eve, "participant_left")).reason, "left");
  await peer.leave();
});

test("clients at other servers than their room's tell that one how they are connected, once", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const operators = await Promise.all([0, 1, 2].map(async () => `127.0.0.1:${await freePort()}`));
  const nodes = await Nodes.start(scope, { args: ["--room-size", "3"], argsOf: (index) => ["--admin-listen", operators[index]] });
  const [first, second, third] = nodes.servers;
  const owner = await welcomed(scope, first);
  owner.send(join("red-owl", "Owner"));
  assert.equal((await owner.next()).type, "joined");
  const link = ({ origin }) => `${origin}/r/red-owl`;
  const peer = Peer.start(scope, link(second), { name: "Peer" });
  await peer.inRoom();
  const tab = await Tab.open(scope, link(third), { name: "Tab" });
  await Promise.all([peer.sees(), tab.sees()]);
  const told = async () => {
    const each = await Promise.all(operators.map((address) => scrape(address, "visavis_path_connections_total")));
    return each.map((samples) => samples.reduce((sum, { count }) => sum + count, 0));
  };
  const sum = (counts) => counts.reduce((total, count) => total + count, 0);
  await until(PATH_TOLD_MS, "both to tell", async () => sum(await told()) >= 2);
  await observe(TOLD_ONCE_MS);
  assert.deepEqual(await told(), [2, 0, 0], "each end tells once, and the room's server counts");
  await Promise.all([tab.leave(), peer.leave()]);
});

test("strangers at three servers meet in the order in which they came", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const nodes = await Nodes.start(scope, { args: ["--dev"] });
  const seeking = async (index, name) => {
    const socket = await welcomed(scope, nodes.servers[index % 3]);
    socket.send({ type: "seek", payload: { name, media: MEDIA, interests: [`interest ${index % 4}`] } });
    const { type, payload } = await socket.next();
    assert.deepEqual([type, payload.place], ["queued", index + 1]);
    return socket;
  };
  const waiting = [];
  for (let index = 0; index < 4; index += 1) waiting.push(await seeking(index, `Waiting ${index}`));
  for (const index of [0, 1, 2, 3]) {
    const socket = await welcomed(scope, nodes.servers[(index + 2) % 3]);
    socket.send({ type: "seek", payload: { name: "Newcomer", media: MEDIA, interests: [`interest ${index}`] } });
    const [newcomer, other] = await Promise.all([next(socket, "joined"), next(waiting[index], "joined")]);
    assert.equal(newcomer.room, other.room);
    assert.equal(newcomer.participants[0].name, `Waiting ${index}`);
  }
});

test("whom somebody has left at one server can be reported and blocked from the next one", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const file = path.join(scope.folder, "server.toml");
  const { url } = await Postgres.start(scope);
  writeFileSync(file, `[moderation]\ndatabase = "${url}"\n`, { mode: 0o600 });
  const nodes = await Nodes.start(scope, { args: ["--dev", "--config", file] });
  const [ada, bob, cyd] = await Promise.all(nodes.servers.map((server) => welcomed(scope, server)));
  const seek = (socket, name) => socket.send({ type: "seek", payload: { name, media: MEDIA } });
  seek(ada, "Ada");
  await next(ada, "queued");
  seek(bob, "Bob");
  // Who came later goes to the server of the one who waited.
  const { participants } = await next(bob, "joined");
  seek(cyd, "Cyd");
  await next(cyd, "queued");
  bob.send({ type: "next" });
  assert.equal((await next(bob, "joined")).participants[0].name, "Cyd");
  const participant = participants[0].id;
  bob.send({ type: "report", payload: { participant, reason: "spam", words: "Buy!" } });
  assert.match((await next(bob, "reported")).report, /^[0-9a-f-]{36}$/);
  bob.send({ type: "block", payload: { participant } });
  assert.equal((await next(bob, "blocked")).participant, participant);
});

test("who loses its connection goes on over another server, and nobody hears of it", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const nodes = await Nodes.start(scope);
  const [first, second, third] = nodes.servers;
  const [ada, bob] = [await welcomed(scope, first), await RawSocket.connect(scope, second.webSocket)];
  bob.send(HELLO);
  const { session } = await next(bob, "welcome");
  ada.send(join("fox", "Ada"));
  await next(ada, "joined");
  bob.send(join("fox", "Bob"));
  const { you, participants } = await next(bob, "joined");
  await next(ada, "participant_joined");
  bob.destroy();
  ada.send({ type: "end_of_candidates", payload: { to: you, ufrag: "missed" } });

  const again = await RawSocket.connect(scope, third.webSocket);
  again.send({ ...HELLO, payload: { ...HELLO.payload, resume: { session, received: 1 } } });
  assert.equal((await next(again, "welcome")).resumed.received, 1);
  assert.equal((await next(again, "end_of_candidates")).ufrag, "missed");
  again.send({ type: "end_of_candidates", payload: { to: participants[0].id, ufrag: "back" } });
  const heard = await ada.next();
  assert.deepEqual([heard.type, heard.payload.ufrag], ["end_of_candidates", "back"]);
});

test("one of three servers is killed in a call: pictures go on, and everybody is back", { timeout: 90_000 }, async (t) => {
  const scope = new Scope(t);
  const nodes = await Nodes.start(scope);
  const link = `${nodes.balancer.origin}/r/elk`;
  const start = (name) => Peer.start(scope, link, { name, record: true, args: ["--commands"] });
  const ada = start("Ada");
  await ada.inRoom();
  const bob = start("Bob");
  await Promise.all([ada.sees(), bob.sees()]);

  const watches = [ada, bob].map((peer) => ({ peer, stop: peer.recording.watch(), from: peer.program.lines.length }));
  await observe(1000);
  // The first has the room, and carries the first of the two.
  await nodes.servers[0].program.kill();
  const killed = performance.now();
  const isBack = isCall((event) => event.type === "state" && event.state.type === "in_room");
  await ada.event(isBack, "Ada to be back", { from: watches[0].from, limitMs: LEASE_MS + 10_000 });
  t.diagnostic(`Ada, whose server it was, is back after ${Math.round(performance.now() - killed)} ms`);
  await bob.event(isBack, "Bob to be back", { from: watches[1].from, limitMs: LEASE_MS + 10_000 });
  t.diagnostic(`Bob, whose room it had, is back after ${Math.round(performance.now() - killed)} ms`);
  await observe(3000);
  for (const { peer, stop, from } of watches) {
    const gapMs = Math.round(longestGapMs(stop().arrivalsMs));
    t.diagnostic(`${peer.program.name}: longest gap between pictures ${gapMs} ms`);
    assert.ok(gapMs <= LONGEST_GAP_MS, `${peer.program.name} saw nothing for ${gapMs} ms`);
    const events = peer.events.slice(from).filter(isCall(({ type }) => type === "participant_left" || type === "participant_joined"));
    assert.deepEqual(events, [], "nobody has left or come");
  }
  ada.command({ type: "set_microphone", on: false });
  await bob.event(isCall((event) => event.type === "media" && !event.media.microphone), "that Ada is muted");
  await bob.leave();
  await ada.event(isCall(({ type, reason }) => type === "participant_left" && reason === "left"), "that Bob has left");
});

for (const [what, data] of [["and has what it had", true], ["and has forgotten everything", false]]) {
  test(`Redis is killed under load, begins anew ${what}: nobody is stuck or met twice`, { timeout: 120_000 }, async (t) => {
    const scope = new Scope(t);
    const nodes = await Nodes.start(scope, { args: ["--dev", "--room-size", "4"] });
    const crowd = await Crowd.enter(scope, nodes);
    await crowd.move(2_000);
    await nodes.redis.kill();
    await crowd.move(3_000);
    await nodes.redis.begin({ data });
    await Promise.all(nodes.servers.map((server) => ready(server, 20_000)));
    await crowd.move(2_000);
    await crowd.check(t);
  });
}

test("a cable between a server and Redis is cut for 20 s: nobody is stuck or met twice, no room is lost", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const nodes = await Nodes.start(scope, { args: ["--dev", "--room-size", "4"] });
  const crowd = await Crowd.enter(scope, nodes);
  await crowd.move(2_000);
  nodes.relays[1].hold();
  await crowd.move(20_000, 50);
  nodes.relays[1].release();
  await ready(nodes.servers[1], 20_000);
  await crowd.move(2_000);
  await crowd.check(t);
});

test("a server is killed under load: nobody is stuck or met twice", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const nodes = await Nodes.start(scope, { args: ["--dev", "--room-size", "4"] });
  const crowd = await Crowd.enter(scope, nodes);
  await crowd.move(2_000);
  await nodes.servers[2].program.kill();
  await crowd.move(LEASE_MS);
  await crowd.check(t);
});

/** Many callers: half of them in rooms, four to each, and the others strangers. */
class Crowd {
  constructor(callers) {
    this.callers = callers;
  }

  static async enter(scope, nodes) {
    const wish = (index) => (index % 2 === 0 ? { room: `crowd-${Math.floor(index / 8)}` } : {});
    const callers = Array.from({ length: CROWD }, (_, index) => new Caller(scope, nodes.balancer.webSocket, wish(index), `Caller ${index}`));
    const crowd = new Crowd(callers);
    await crowd.settled(30_000);
    return crowd;
  }

  /** Some of them lose their connection, or want somebody else, every `everyMs`. */
  async move(forMs, everyMs = 10) {
    for (const until = performance.now() + forMs; performance.now() < until; await observe(everyMs)) {
      const caller = this.callers[Math.floor(Math.random() * this.callers.length)];
      if (Math.random() < 0.3) caller.cut();
      else caller.again();
    }
  }

  /** Resolves when everybody is where it wants to be, and no two wait for each other. */
  async settled(limitMs) {
    const from = performance.now();
    while (performance.now() - from < limitMs) {
      if (this.restless().length === 0) return performance.now() - from;
      await observe(50);
    }
    throw new Error(`after ${limitMs} ms: ${this.restless().slice(0, 5).join("; ")}`);
  }

  /** What is not yet as it has to be. */
  restless() {
    const wrong = [];
    const rooms = new Map();
    for (const caller of this.callers) {
      const { name, stay, others, isSettled, isQueued } = caller;
      if (!isSettled) wrong.push(`${name} is nowhere`);
      else if (stay !== undefined) rooms.set(stay.room, [...(rooms.get(stay.room) ?? []), caller]);
      else if (!isQueued) wrong.push(`${name} does not wait`);
      if (stay !== undefined && caller.wish.room === undefined && others.size !== 1) wrong.push(`${name} is with ${others.size}`);
    }
    for (const [room, callers] of rooms) {
      for (const { name, others } of callers) {
        if (others.size !== callers.length - 1) wrong.push(`${name} sees ${others.size} in ${room}, not ${callers.length - 1}`);
      }
    }
    const queued = this.callers.filter(({ isQueued, stay }) => isQueued && stay === undefined);
    if (queued.length > 1) wrong.push(`${queued.length} wait for each other`);
    return wrong;
  }

  async check(t) {
    const settledMs = await this.settled(SETTLED_MS);
    const sum = (field) => this.callers.reduce((total, caller) => total + caller[field], 0);
    t.diagnostic(`${CROWD} callers came in ${sum("joined")} times, began ${sum("begun")} sessions, and were settled after ${Math.round(settledMs)} ms`);
    assert.deepEqual(this.callers.flatMap(({ faults }) => faults), []);
    // All at once: who ends makes others move.
    await Promise.all(this.callers.map((caller) => caller.end()));
  }
}

function isCall(test) {
  return ({ type, event }) => type === "call" && test(event);
}

function join(room, name) {
  return { type: "join", payload: { room, name, media: MEDIA } };
}

async function welcomed(scope, server) {
  const socket = await RawSocket.connect(scope, server.webSocket);
  socket.send(HELLO);
  await next(socket, "welcome");
  return socket;
}

/** The payload of the next message of this type. */
async function next(socket, type) {
  for (;;) {
    const message = await socket.next();
    if (message.type === type) return message.payload;
    assert.notEqual(message.type, "error", JSON.stringify(message.payload));
  }
}
