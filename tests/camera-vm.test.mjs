/** Real camera drivers, in a virtual machine: formats, a camera that is opened anew, busy, unplugged, or stands still. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runInCameraMachine } from "./support/camera-vm.mjs";
import { Scope } from "./support/scope.mjs";

const FRAMES_PER_SECOND = 15;
/** The machine is slow: a frame may slip. */
const MIN_FRAMES_PER_SECOND = 14;
/** `camera-feed` plays so many pictures over and over. */
const FED_PICTURES = 16;
const LOST_WITHIN_S = 2;
const STALLED_WITHIN_S = 5;
/** The machine's processors are emulated; a real one takes a fraction of that. */
const REOPENED_WITHIN_MS = 1_000;
const MIN_REOPENED_RATE = 25;

test("cameras are opened, lost and missed as they should be", { timeout: 480_000 }, async (t) => {
  const scope = new Scope(t);
  const out = await runInCameraMachine(scope);
  const json = (name) => JSON.parse(readFileSync(join(out, name), "utf8"));
  const lines = (name) => readFileSync(join(out, name), "utf8").split("\n").filter(Boolean);

  for (const [layout, fourcc] of Object.entries({ yuyv: "YUYV", nv12: "NV12", mjpeg: "MJPG", vivid: "YUYV" })) {
    await t.test(`640x360 at 15 frames a second: ${layout}`, () => {
      const { numbers, ...seen } = json(`probe-${layout}.json`);
      const rate = (seen.frames - 1) / seen.seconds;
      t.diagnostic(`${layout}: ${JSON.stringify({ ...seen, readable: numbers.length, rate: rate.toFixed(1) })}`);
      assert.deepEqual([seen.fourcc, seen.width, seen.height, seen.error], [fourcc, 640, 360, null]);
      assert.ok(rate >= MIN_FRAMES_PER_SECOND && rate <= FRAMES_PER_SECOND + 1, `${rate} frames a second`);
      if (layout === "vivid") return;
      assert.equal(numbers.length, seen.frames, "each picture has a readable marker");
      const steps = numbers.slice(1).map((number, i) => (number - numbers[i] + FED_PICTURES) % FED_PICTURES);
      assert.ok(steps.every((step) => step > 0 && step < FED_PICTURES / 2), `the frame numbers rise: ${numbers}`);
    });
  }

  await t.test("a camera is opened anew for a network that takes more, and nobody else notices", () => {
    const { numbers, ...seen } = json("probe-reopened.json");
    t.diagnostic(`reopened: ${JSON.stringify(seen)}`);
    // vivid's larger pictures are slower, so that more is twice the rate and not a larger size.
    const rate = (seen.frames - 1) / seen.seconds;
    assert.ok(rate > MIN_REOPENED_RATE, `${rate} frames a second`);
    assert.deepEqual([seen.starts, seen.error], [1, null]);
    assert.ok(seen.longest_gap_ms < REOPENED_WITHIN_MS, `${seen.longest_gap_ms} ms without a picture`);
  });

  await t.test("a camera that somebody else uses is busy", () => {
    assert.equal(json("probe-busy.json").error?.code, "busy");
  });

  const marks = Object.fromEntries(lines("marks").map((line) => line.split(" ").reverse()));
  const calls = ["Vera", "Lou"].map((name) => ({
    name,
    events: lines(`${name}.events`).map((line) => {
      const [time, text] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
      return { time: Number(time), ...JSON.parse(text) };
    }),
    stats: lines(`${name}.jsonl`).map((line) => JSON.parse(line)),
  }));
  const broken = [
    { call: calls[0], code: "lost", mark: "unplugged", withinS: LOST_WITHIN_S },
    { call: calls[1], code: "stalled", mark: "stalled", withinS: STALLED_WITHIN_S },
  ];
  for (const { call, code, mark, withinS } of broken) {
    await t.test(`a camera that is ${mark} in a call is ${code}, and the call goes on`, () => {
      const failures = call.events.filter(({ type }) => type === "device_failed");
      assert.deepEqual(failures.map(({ error }) => [error.kind, error.code]), [["camera", code]]);
      const after = failures[0].time - Number(marks[mark]);
      t.diagnostic(`${mark}: told after ${after.toFixed(2)} s: ${failures[0].error.message}`);
      assert.ok(after > 0 && after < withinS, `told after ${after} s`);
    });
  }
  await t.test("the sound of both went on to the end", () => {
    for (const { name, stats } of calls) {
      const last = stats.slice(-3).map(({ peers: [peer] }) => peer);
      assert.ok(last.every((peer) => peer?.sent_audio.bitrate_bps > 0 && peer.received_audio.bitrate_bps > 0), name);
      assert.equal(readFileSync(join(out, `${name}.status`), "utf8").trim(), "0");
    }
  });
});
