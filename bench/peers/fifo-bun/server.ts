/**
 * A server that brings strangers together, first in, first out, as somebody would write it for Bun: what `visavis-server`
 * does for `cargo xtask bench signaling`, with the same messages, checks and time-outs, and nothing else.
 *
 * `bun server.ts` listens on a free port of 127.0.0.1 and says which.
 */

import { randomBytes } from "node:crypto";
import type { ServerWebSocket } from "bun";
import { MAX_MESSAGE_BYTES, parse, type ClientMessage, type Media } from "./messages";
import { Queue } from "./queue";

const HELLO_MS = 10_000;
/** Bun pings within this by itself, and closes who stays silent. */
const IDLE_S = 30;
const MAX_INVALID_IN_A_ROW = 32;
const MESSAGES_PER_S = 50;
const MESSAGES_BURST = 300;
const MAX_BACKLOG_BYTES = 1024 * 1024;
const TELL_EVERY_MS = 1000;
const TOLD_PLACES = 100;

type Socket = ServerWebSocket<Client>;

class Client {
  helloTimer: Timer | undefined;
  isWelcome = false;
  invalidInARow = 0;
  /** When all that was said would have been said at the allowed rate. */
  settledAt = 0;
  seek: { name: string; media: Media } | undefined;
  ticket: number | undefined;
  /** The place in the queue that it knows of. */
  told = 0;
  room: Room | undefined;
  id = "";
}

type Room = { name: string; members: [Socket, Socket] };

const queue = new Queue<Socket>();
let tellTimer: Timer | undefined;

const server = Bun.serve<Client>({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (pathname !== "/ws") return new Response("there is nothing here\n", { status: 404 });
    const origin = request.headers.get("origin");
    if (origin !== null && URL.parse(origin)?.host !== request.headers.get("host")) {
      return new Response("pages of this origin may not connect\n", { status: 403 });
    }
    if (server.upgrade(request, { data: new Client() })) return undefined;
    return new Response("this is for WebSockets\n", { status: 426 });
  },
  websocket: {
    maxPayloadLength: MAX_MESSAGE_BYTES,
    idleTimeout: IDLE_S,
    sendPings: true,
    backpressureLimit: MAX_BACKLOG_BYTES,
    closeOnBackpressureLimit: true,
    perMessageDeflate: false,
    open(socket) {
      socket.data.helloTimer = setTimeout(() => refuse(socket, "hello_expected", true), HELLO_MS);
    },
    message: onMessage,
    close(socket) {
      clearTimeout(socket.data.helloTimer);
      leave(socket, "disconnected");
    },
  },
});

console.log(`listening on http://127.0.0.1:${server.port}`);

function onMessage(socket: Socket, text: string | Buffer): void {
  const client = socket.data;
  if (isTooFast(client)) return refuse(socket, "rate_limited");
  const message = typeof text === "string" ? parse(text) : undefined;
  if (message === undefined) {
    client.invalidInARow += 1;
    return refuse(socket, "invalid_message", !client.isWelcome || client.invalidInARow >= MAX_INVALID_IN_A_ROW);
  }
  client.invalidInARow = 0;
  if (client.isWelcome) handle(socket, client, message);
  else greet(socket, client, message);
}

function greet(socket: Socket, client: Client, message: ClientMessage): void {
  if (message.type !== "hello") return refuse(socket, "hello_expected", true);
  if (message.payload.protocol !== 1) return refuse(socket, "unsupported_protocol", true);
  clearTimeout(client.helloTimer);
  client.helloTimer = undefined;
  client.isWelcome = true;
  say(socket, "welcome", { protocol: 1, server: "fifo-bun/0.1.0", ice_servers: [], session: random(18) });
}

function handle(socket: Socket, client: Client, message: ClientMessage): void {
  switch (message.type) {
    case "hello":
      return refuse(socket, "unexpected_message");
    case "seek":
      if (client.room !== undefined || client.ticket !== undefined) return refuse(socket, "unexpected_message");
      client.seek = message.payload;
      return seek(socket, client);
    case "next":
      if (client.ticket !== undefined) return;
      if (client.seek === undefined) return refuse(socket, "not_in_room");
      leave(socket, "left");
      return seek(socket, client);
    case "leave":
      if (!leave(socket, "left")) return refuse(socket, "not_in_room");
      client.seek = undefined;
      return;
    case "media":
      if (client.seek !== undefined) client.seek.media = message.payload;
      if (client.room !== undefined) return tellOther(socket, "media", { from: client.id, media: message.payload });
      return client.ticket === undefined ? refuse(socket, "not_in_room") : undefined;
    case "description":
    case "candidates":
    case "end_of_candidates": {
      const { to, ...content } = message.payload;
      return forward(socket, to, message.type, { from: client.id, ...content });
    }
  }
}

function seek(socket: Socket, client: Client): void {
  const first = queue.shift();
  if (first === undefined) {
    client.ticket = queue.push(socket);
    client.told = queue.size;
    return say(socket, "queued", { place: client.told, waiting: queue.size });
  }
  tellPlacesSoon();
  first.data.ticket = undefined;
  const room: Room = { name: random(12), members: [first, socket] };
  for (const member of room.members) {
    member.data.room = room;
    member.data.id = random(12);
  }
  first.cork(() => {
    say(first, "joined", { room: room.name, you: first.data.id, participants: [], door: "locked" });
    say(first, "participant_joined", { participant: seen(client, "answerer") });
  });
  const participants = [seen(first.data, "offerer")];
  say(socket, "joined", { room: room.name, you: client.id, participants, door: "locked" });
}

/** What others see of a client. */
function seen({ id, seek }: Client, role: "offerer" | "answerer") {
  return { id, name: seek?.name, media: seek?.media, role };
}

/** Whether it was anywhere. */
function leave(socket: Socket, reason: "left" | "disconnected"): boolean {
  const client = socket.data;
  if (client.ticket !== undefined) {
    queue.remove(client.ticket);
    client.ticket = undefined;
    tellPlacesSoon();
    return true;
  }
  if (client.room === undefined) return false;
  const other = otherOf(socket, client.room);
  if (other.data.room === client.room) say(other, "participant_left", { participant: client.id, reason });
  client.room = undefined;
  return true;
}

function forward(socket: Socket, to: string, type: string, payload: object): void {
  const { room } = socket.data;
  if (room === undefined) return refuse(socket, "not_in_room");
  const other = otherOf(socket, room);
  if (other.data.room !== room || other.data.id !== to) return refuse(socket, "unknown_participant");
  say(other, type, payload);
}

function tellOther(socket: Socket, type: string, payload: object): void {
  const { room } = socket.data;
  if (room === undefined) return;
  const other = otherOf(socket, room);
  if (other.data.room === room) say(other, type, payload);
}

function otherOf(socket: Socket, { members: [first, second] }: Room): Socket {
  return socket === first ? second : first;
}

function tellPlacesSoon(): void {
  tellTimer ??= setTimeout(() => {
    tellTimer = undefined;
    let place = 0;
    for (const waiting of queue) {
      place += 1;
      if (place > TOLD_PLACES) break;
      if (waiting.data.told === place) continue;
      waiting.data.told = place;
      say(waiting, "queued", { place, waiting: queue.size });
    }
  }, TELL_EVERY_MS);
}

/** The generic cell rate algorithm. */
function isTooFast(client: Client): boolean {
  const now = performance.now();
  const settledAt = Math.max(client.settledAt, now) + 1000 / MESSAGES_PER_S;
  if (settledAt - now > (MESSAGES_BURST * 1000) / MESSAGES_PER_S) return true;
  client.settledAt = settledAt;
  return false;
}

function refuse(socket: Socket, code: string, closes = false): void {
  say(socket, "error", { code, message: code.replaceAll("_", " ") });
  if (closes) socket.close(1008, code);
}

function say(socket: Socket, type: string, payload: object): void {
  socket.sendText(JSON.stringify({ type, payload }));
}

function random(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}
