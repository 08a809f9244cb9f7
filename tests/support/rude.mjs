/** WebSocket clients (RFC 6455) that say whatever they like, as bytes: for those who mean harm, and very many of them. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { within } from "./deadline.mjs";

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const FINAL = 0x80;
const MASKED = 0x80;
const HANDSHAKE_LIMIT_MS = 10_000;
const HELLO = { type: "hello", payload: { protocol: 1, client: "rude" } };

/**
 * One frame, as a client sends it. `announced` is a length that it claims to have instead of its own.
 *
 * @param {string | Uint8Array} content
 * @param {{ opcode?: number, final?: boolean, reserved?: number, masked?: boolean, announced?: bigint }} [options]
 */
export function frame(content, { opcode = OPCODES.text, final = true, reserved = 0, masked = true, announced } = {}) {
  const payload = Buffer.from(content);
  const mask = randomBytes(4);
  if (masked) payload.forEach((byte, i) => (payload[i] = byte ^ mask[i % 4]));
  const length = announced ?? BigInt(payload.length);
  const head = [(final ? FINAL : 0) | (reserved << 4) | opcode];
  const flag = masked ? MASKED : 0;
  if (length < 126n) head.push(flag | Number(length));
  else if (length < 65_536n) head.push(flag | 126, Number(length >> 8n), Number(length & 255n));
  else {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(length);
    head.push(flag | 127, ...bytes);
  }
  return Buffer.concat([Buffer.from(head), masked ? mask : Buffer.alloc(0), payload]);
}

export const message = (value) => frame(JSON.stringify(value));

/** A connection that counts what it is refused with. */
export class Rude {
  #pending = Buffer.alloc(0);
  #upgraded = false;
  #refused = false;
  /** @type {(() => void) | undefined} */
  #changed;
  /** How often each code of an error came. @type {Map<string, number>} */
  refusals = new Map();
  /** Whatever else came, unless somebody takes it at once. @type {any[]} */
  messages = [];
  /** @type {((message: any) => void) | undefined} */
  onMessage;
  /** Of the close frame. @type {number | undefined} */
  closeCode;
  /** Of the answer to the handshake. */
  head = "";
  ended = false;

  /** @param {import("node:net").Socket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (data) => this.#onData(data));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.ended = true;
      this.#changed?.();
    });
  }

  /**
   * Opens a WebSocket; says hello, unless told not to.
   *
   * @param {number} port
   * @param {{ from?: string, hello?: any, headers?: string[] }} [options] `from`: the address to come from
   */
  static async open(port, { from = "127.0.0.1", hello = HELLO, headers = [] } = {}) {
    const rude = new Rude(connect({ host: "127.0.0.1", port, localAddress: from }));
    const lines = ["GET /ws HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    lines.push(`Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`, ...headers);
    rude.socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    await rude.until("an answer", () => rude.#upgraded || rude.#refused || rude.ended);
    if (!rude.#upgraded) {
      rude.socket.destroy();
      throw new Error(`no WebSocket: ${rude.head}`);
    }
    if (hello !== undefined) {
      rude.socket.write(message(hello));
      await rude.until("a welcome", () => rude.messages.length > 0 || rude.ended);
    }
    return rude;
  }

  /** Enters a room; gives its own id, and those of the others there. */
  async join(room, name = "Rude") {
    const before = this.messages.length;
    this.socket.write(message({ type: "join", payload: { room, name, media: { microphone: false, camera: false } } }));
    const joined = () => this.messages.slice(before).find(({ type }) => type === "joined");
    await this.until("to have joined", () => joined() !== undefined || this.ended);
    const { you, participants } = joined().payload;
    return { you, others: participants.map(({ id }) => id) };
  }

  refused(code) {
    return this.refusals.get(code) ?? 0;
  }

  /** Resolves when `test` gives something, asked whenever something has come. */
  until(what, test, limitMs = HANDSHAKE_LIMIT_MS) {
    const waiting = async () => {
      while (!test()) await new Promise((resolve) => (this.#changed = resolve));
    };
    return within(limitMs, what, waiting());
  }

  /** Resolves when the other side has ended the connection. */
  end(limitMs) {
    return this.until("the connection to end", () => this.ended, limitMs);
  }

  async write(bytes) {
    if (!this.socket.write(bytes) && !this.ended) await Promise.race([once(this.socket, "drain"), once(this.socket, "close")]).catch(() => {});
  }

  #onData(data) {
    let bytes = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data]);
    if (!this.#upgraded) {
      const end = bytes.indexOf("\r\n\r\n");
      this.head = bytes.subarray(0, end < 0 ? bytes.length : end).toString("latin1");
      if (end < 0 || !this.head.startsWith("HTTP/1.1 101")) {
        this.#pending = bytes;
        this.#refused = end >= 0;
        this.#changed?.();
        return;
      }
      this.#upgraded = true;
      bytes = bytes.subarray(end + 4);
    }
    let at = 0;
    for (;;) {
      const read = this.#frameAt(bytes, at);
      if (read === 0) break;
      at += read;
    }
    this.#pending = bytes.subarray(at);
    this.#changed?.();
  }

  /** Takes the frame at this place, if it is there whole; gives its length. */
  #frameAt(bytes, at) {
    if (bytes.length < at + 2) return 0;
    let length = bytes[at + 1] & 0x7f;
    let head = 2;
    if (length === 126) {
      if (bytes.length < at + 4) return 0;
      length = bytes.readUInt16BE(at + 2);
      head = 4;
    } else if (length === 127) {
      if (bytes.length < at + 10) return 0;
      length = Number(bytes.readBigUInt64BE(at + 2));
      head = 10;
    }
    const end = at + head + length;
    if (bytes.length < end) return 0;
    const payload = bytes.subarray(at + head, end);
    const opcode = bytes[at] & 0x0f;
    if (opcode === OPCODES.text) this.#onText(payload.latin1Slice());
    else if (opcode === OPCODES.close) {
      this.closeCode = payload.length >= 2 ? payload.readUInt16BE() : undefined;
      this.socket.end(frame(payload, { opcode: OPCODES.close }));
    }
    else if (opcode === OPCODES.ping) this.socket.write(frame(payload, { opcode: OPCODES.pong }));
    return end - at;
  }

  #onText(text) {
    // Parsing a million errors would be what is measured.
    const code = /^\{"type":"error","payload":\{"code":"(\w+)"/.exec(text)?.[1];
    if (code === undefined && this.onMessage !== undefined) this.onMessage(JSON.parse(text));
    else if (code === undefined) this.messages.push(JSON.parse(text));
    else this.refusals.set(code, this.refused(code) + 1);
  }
}
