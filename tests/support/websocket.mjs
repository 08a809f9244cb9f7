import { createHash, randomBytes } from "node:crypto";
import { createServer, request } from "node:http";
import { within } from "./deadline.mjs";

const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const FINAL = 0x80;
const MASKED = 0x80;
const KEY_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const ANSWER_LIMIT_MS = 5_000;

/**
 * One end of a WebSocket (RFC 6455), as far as a rude client or a strange server needs it: no fragments, no extensions.
 */
export class RawSocket {
  #socket;
  #masks;
  #pending = Buffer.alloc(0);
  /** @type {any[]} */
  #messages = [];
  /** @type {((message: any) => void)[]} */
  #waiting = [];
  /** @type {((message: any) => void) | undefined} */
  #listener;
  /** Resolves with the close frame's code, or undefined if the connection ended without one. */
  closed;
  #onClosed;

  /** @param {import("node:net").Socket} socket */
  constructor(socket, masks) {
    this.#socket = socket;
    this.#masks = masks;
    this.closed = new Promise((resolve) => (this.#onClosed = resolve));
    socket.on("data", (data) => this.#onData(data));
    socket.on("close", () => this.#onClosed(undefined));
    socket.on("error", () => this.#onClosed(undefined));
  }

  /**
   * Connects as a client; gives the HTTP status if that is refused.
   *
   * @param {import("./scope.mjs").Scope} scope
   * @param {string} url `ws://…`
   * @returns {Promise<RawSocket | number>}
   */
  static connect(scope, url, headers = {}) {
    const upgrade = request(url.replace(/^ws/, "http"), {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": randomBytes(16).toString("base64"),
        ...headers,
      },
    });
    const connected = new Promise((resolve, reject) => {
      upgrade.once("upgrade", (_, socket, head) => {
        const raw = new RawSocket(socket, true);
        raw.#onData(head);
        scope.defer(() => socket.destroy());
        resolve(raw);
      });
      upgrade.once("response", (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      upgrade.once("error", reject);
    });
    upgrade.end();
    return within(ANSWER_LIMIT_MS, `an answer of ${url}`, connected);
  }

  /** Sends an object as JSON, a text as it is, or bytes as a binary message. */
  send(message) {
    if (message instanceof Uint8Array) this.#frame(BINARY, message);
    else this.#frame(TEXT, Buffer.from(typeof message === "string" ? message : JSON.stringify(message)));
  }

  /** The next message, parsed. */
  async next(limitMs = ANSWER_LIMIT_MS) {
    if (this.#messages.length > 0) return this.#messages.shift();
    return within(limitMs, "a message", new Promise((resolve) => this.#waiting.push(resolve)));
  }

  /** Has `listener` called with each message, parsed, that nobody has asked for. */
  listen(listener) {
    this.#listener = listener;
    for (const message of this.#messages.splice(0)) listener(message);
  }

  /** Breaks the connection. */
  destroy() {
    this.#socket.destroy();
  }

  /** The code of the close frame that comes. */
  closeCode() {
    return within(ANSWER_LIMIT_MS, "the connection to be closed", this.closed);
  }

  #frame(opcode, payload) {
    const length =
      payload.length < 126
        ? Buffer.from([payload.length])
        : payload.length < 65536
          ? Buffer.from([126, payload.length >> 8, payload.length & 0xff])
          : Buffer.concat([Buffer.from([127, 0, 0, 0, 0]), uint32(payload.length)]);
    const mask = this.#masks ? randomBytes(4) : Buffer.alloc(0);
    if (this.#masks) {
      length[0] |= MASKED;
      payload = payload.map((byte, i) => byte ^ mask[i % 4]);
    }
    this.#socket.write(Buffer.concat([Buffer.from([FINAL | opcode]), length, mask, payload]));
  }

  #onData(data) {
    this.#pending = Buffer.concat([this.#pending, data]);
    for (let frame = parseFrame(this.#pending); frame !== undefined; frame = parseFrame(this.#pending)) {
      this.#pending = this.#pending.subarray(frame.end);
      this.#onFrame(frame);
    }
  }

  #onFrame({ opcode, payload }) {
    switch (opcode) {
      case TEXT: {
        const message = JSON.parse(payload.toString());
        const waiting = this.#waiting.shift();
        if (waiting !== undefined) waiting(message);
        else if (this.#listener !== undefined) this.#listener(message);
        else this.#messages.push(message);
        return;
      }
      case PING:
        this.#frame(PONG, payload);
        return;
      case CLOSE:
        this.#onClosed(payload.length >= 2 ? payload.readUInt16BE() : undefined);
        this.#frame(CLOSE, payload);
    }
  }
}

/**
 * A server that is not ours: says `answer` to whatever comes first, then closes.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @returns {Promise<string>} its origin
 */
export async function strangeServer(scope, answer) {
  const server = createServer((_, response) => response.writeHead(404).end());
  const sockets = new Set();
  server.on("upgrade", async ({ headers }, socket) => {
    sockets.add(socket);
    const accept = createHash("sha1").update(headers["sec-websocket-key"] + KEY_SUFFIX).digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" +
        `sec-websocket-accept: ${accept}\r\n\r\n`,
    );
    const raw = new RawSocket(socket, false);
    await raw.next();
    raw.send(answer);
  });
  scope.defer(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

/** The frame at the beginning of `data`, if it is there whole. */
function parseFrame(data) {
  if (data.length < 2) return undefined;
  const masked = (data[1] & MASKED) !== 0;
  let length = data[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    if (data.length < 4) return undefined;
    length = data.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (data.length < 10) return undefined;
    length = Number(data.readBigUInt64BE(2));
    at = 10;
  }
  const mask = masked ? data.subarray(at, at + 4) : undefined;
  at += masked ? 4 : 0;
  if (data.length < at + length) return undefined;
  const payload = Buffer.from(data.subarray(at, at + length));
  if (mask !== undefined) payload.forEach((byte, i) => (payload[i] = byte ^ mask[i % 4]));
  return { opcode: data[0] & 0x0f, payload, end: at + length };
}

function uint32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
