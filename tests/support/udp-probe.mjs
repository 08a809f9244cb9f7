/**
 * Packets with a number and the time they were sent, to measure a link with.
 *
 * `node udp-probe.mjs receive ADDRESS` says `port PORT`, then a line for each packet that comes: its number and how many
 * milliseconds it took. `node udp-probe.mjs send ADDRESS PORT COUNT BYTES INTERVAL_MS` sends, evenly.
 */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

const [role, address, ...words] = process.argv.slice(2);
const socket = createSocket("udp4");
if (role === "receive") {
  socket.bind(0, address);
  await once(socket, "listening");
  console.log(`port ${socket.address().port}`);
  socket.on("message", (packet) => {
    // One machine, one monotonic clock.
    const tookMs = Number(process.hrtime.bigint() - packet.readBigUInt64BE(4)) / 1e6;
    console.log(`${packet.readUInt32BE()} ${tookMs.toFixed(2)}`);
  });
} else {
  const [port, count, bytes, intervalMs] = words.map(Number);
  // Sends nothing before it is connected, and nothing after it is closed.
  socket.connect(port, address);
  await once(socket, "connect");
  const begin = performance.now();
  for (let number = 0; number < count; number++) {
    const waitMs = begin + number * intervalMs - performance.now();
    if (waitMs > 0) await pause(waitMs);
    const packet = Buffer.alloc(bytes - 28);
    packet.writeUInt32BE(number);
    packet.writeBigUInt64BE(process.hrtime.bigint(), 4);
    socket.send(packet);
  }
  await pause(0);
  socket.close();
}
