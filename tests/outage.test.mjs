/** A call outlives ten seconds in which nothing gets through, and is soon as it was. Needs root, for the networks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { keep, table } from "./support/artefacts.mjs";
import { observe } from "./support/deadline.mjs";
import { enter } from "./support/ends.mjs";
import { Internet } from "./support/internet.mjs";
import { framesBySecond } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";

const BEFORE_S = 8;
const OUT_AT_S = 2;
const OUT_S = 10;
const AFTER_S = 12;
const PICTURE_WITHIN_MS = 2_000;
/** Of 15 that are sent. */
const FRAMES_PER_SECOND = 14;
const AS_IT_WAS_WITHIN_MS = 4_000;

for (const clients of [
  ["engine", "engine"],
  ["engine", "tab"],
  ["tab", "engine"],
]) {
  test(`${clients[0]} and ${clients[1]} outlive ten seconds of total loss`, { timeout: 90_000 }, async (t) => {
    const scope = new Scope(t);
    const internet = await Internet.up(scope, { serverApart: true });
    const { left, right, router } = internet.namespaces;
    const server = await Server.start(scope, { namespace: router, address: internet.address });
    const room = server.room();
    const ends = [];
    for (const [index, client] of clients.entries()) {
      const options = { name: `${index === 0 ? "Left" : "Right"} (${client})`, namespace: [left, right][index] };
      ends.push(await enter(scope, client, room, options));
    }
    await Promise.all(ends.map((end) => end.sees()));
    await observe(BEFORE_S * 1000);

    const watched = ends.map((end) => end.watch(OUT_AT_S + OUT_S + AFTER_S));
    await observe(OUT_AT_S * 1000);
    await internet.lose(true);
    const outMs = performance.now();
    await observe(OUT_S * 1000);
    await internet.lose(false);
    const lostMs = performance.now() - outMs;
    const seen = await Promise.all(watched);
    await Promise.all(ends.map((end) => end.leave()));

    for (const [index, end] of ends.entries()) {
      const { arrivalsMs } = seen[index];
      const seconds = framesBySecond(arrivalsMs);
      keep(`outage-${clients.join("-")}-${index}.txt`, table(seconds.map((frames, second) => ({ second, frames }))));
      const back = arrivalsMs.findIndex((at, i) => i > 0 && at - arrivalsMs[i - 1] > lostMs / 2);
      assert.ok(back > 0, `${end.name} saw nothing again, or all the time: ${seconds}`);
      // Both are later by the time between two pictures, at most.
      const pictureMs = Math.round(arrivalsMs[back] - arrivalsMs[back - 1] - lostMs);
      const isAsBefore = (at, i) => arrivalsMs[i + FRAMES_PER_SECOND - 1] - at <= 1000;
      const asBefore = arrivalsMs.slice(back).find((at, i) => isAsBefore(at, back + i));
      const asItWasMs = Math.round(asBefore - arrivalsMs[back - 1] - lostMs);
      t.diagnostic(`${end.name}: a picture after ${pictureMs} ms, ${FRAMES_PER_SECOND} a second from ${asItWasMs} ms on`);
      assert.ok(pictureMs <= PICTURE_WITHIN_MS, `${end.name} saw nothing for ${pictureMs} ms`);
      assert.ok(asItWasMs <= AS_IT_WAS_WITHIN_MS, `${end.name} saw too little for ${asItWasMs} ms`);
      assert.deepEqual(end.complaints(), []);
    }
  });
}
