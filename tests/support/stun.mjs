/** STUN and TURN requests (RFC 8489, RFC 8656) of somebody who has proved nothing, as bytes. */

import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { observe } from "./deadline.mjs";

const COOKIE = [0x21, 0x12, 0xa4, 0x42];
const METHODS = { binding: 0x001, allocate: 0x003, refresh: 0x004, createPermission: 0x008, channelBind: 0x009 };
const SEND_INDICATION = 0x0016;
const DATA_INDICATION = 0x0017;

function attribute(type, value) {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([head, bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function stun(type, ...attributes) {
  const body = Buffer.concat(attributes);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, Buffer.from(COOKIE), randomBytes(12), body]);
}

/** Every kind of request that says nothing of who asks, or something that is not so. */
export function unproven() {
  const udp = attribute(0x0019, [17, 0, 0, 0]);
  const peer = attribute(0x0012, [0, 1, 0x30, 0x39, 1, 2, 3, 4]);
  const claims = [attribute(0x0006, "9999999999:owl"), attribute(0x0014, "visavis"), attribute(0x0015, "A".repeat(22))];
  const integrity = attribute(0x0008, randomBytes(20));
  const unknown = attribute(0x7fff, "what");
  return {
    nothing: Buffer.alloc(0),
    "a byte": Buffer.from([0]),
    "a head that is cut off": stun(METHODS.binding).subarray(0, 19),
    binding: stun(METHODS.binding),
    "binding, with what has to be understood": stun(METHODS.binding, unknown),
    "a relay, and nothing else": stun(METHODS.allocate),
    "a relay": stun(METHODS.allocate, udp),
    "a relay, with a name": stun(METHODS.allocate, udp, ...claims),
    "a relay, with a name and a signature": stun(METHODS.allocate, udp, ...claims, integrity),
    "a relay, with a signature alone": stun(METHODS.allocate, udp, integrity),
    "a relay over TCP": stun(METHODS.allocate, attribute(0x0019, [6, 0, 0, 0])),
    "a relay with a family that there is not": stun(METHODS.allocate, udp, attribute(0x0017, [9, 0, 0, 0])),
    "a longer life": stun(METHODS.refresh),
    "a permission": stun(METHODS.createPermission, peer),
    "a channel": stun(METHODS.channelBind, attribute(0x000c, [0x40, 0, 0, 0]), peer),
    "data to be passed on": stun(SEND_INDICATION, peer, attribute(0x0013, "hello")),
    "data that was passed on": stun(DATA_INDICATION, peer, attribute(0x0013, "hello")),
    "data in a channel": Buffer.from([0x40, 0, 0, 5, ...Buffer.from("hello"), 0, 0, 0]),
    "an answer": stun(0x0101),
    "an error": stun(0x0111, attribute(0x0009, [0, 0, 4, 1])),
    "a method that there is not": stun(0x00ee),
    "attributes that are longer than there is": stun(METHODS.allocate, Buffer.from([0, 0x19, 0xff, 0xff])),
    "two at once": Buffer.concat([stun(METHODS.binding), stun(METHODS.binding)]),
    "as much as there may be": stun(METHODS.binding, attribute(0x8022, "x".repeat(60_000))),
  };
}

/**
 * Sends packets from one port, and gives how much comes back until nothing has for so long.
 *
 * @param {import("./scope.mjs").Scope} scope
 */
export async function askUdp(scope, port, packets, quietMs) {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
  let [count, bytes] = [0, 0];
  socket.on("message", (data) => {
    count += 1;
    bytes += data.length;
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  scope.defer(() => socket.close());
  for (const packet of packets) await new Promise((resolve) => socket.send(packet, port, "127.0.0.1", resolve));
  for (let before = -1; before !== count; ) {
    before = count;
    await observe(quietMs);
  }
  return { packets: count, bytes };
}
