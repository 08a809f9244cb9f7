/** A call follows its link when that gets narrow, and when it gets wide again. Needs root, for the link. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { keep, table } from "./support/artefacts.mjs";
import { observe } from "./support/deadline.mjs";
import { Link } from "./support/link.mjs";
import { Peer } from "./support/peer.mjs";
import { framesBySecond, longestGapMs } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";

const CUT_BPS = 300_000;
/** From the first picture on. */
const CUT_AT_S = 25;
const OPEN_AT_S = 45;
const END_AT_S = 70;
/** Seconds before the cut that say what the call had. */
const BEFORE_S = 10;
const FALLEN_WITHIN_S = 5;
const BACK_WITHIN_S = 20;
const BACK_TO = 0.8;
const LONGEST_FREEZE_MS = 2_000;

test("a call follows its link down and up again", { timeout: 150_000 }, async (t) => {
  const scope = new Scope(t);
  const link = await Link.up(scope);
  const { left, right } = link.namespaces;
  const server = await Server.start(scope, { namespace: right, address: link.addresses.right });
  const room = server.room();
  const ada = Peer.start(scope, room, { name: "Ada", record: true, namespace: left });
  await ada.inRoom();
  const bob = Peer.start(scope, room, { name: "Bob", record: true, namespace: right });
  const sides = [
    { sender: ada, receiver: bob },
    { sender: bob, receiver: ada },
  ];
  await Promise.all([ada, bob].map((peer) => peer.sees()));

  const watched = sides.map(({ receiver }) => receiver.recording.watch());
  // Statistics count from each peer's own beginning.
  const beginMs = sides.map(({ sender }) => sender.stats().at(-1)?.time_ms ?? 0);
  await observe(CUT_AT_S * 1000);
  await link.cut(CUT_BPS);
  await observe((OPEN_AT_S - CUT_AT_S) * 1000);
  await link.open();
  await observe((END_AT_S - OPEN_AT_S) * 1000);
  const seen = watched.map((stop) => stop());
  await Promise.all([ada.leave(), bob.leave()]);

  for (const [index, { sender, receiver }] of sides.entries()) {
    const name = `${sender.program.name} to ${receiver.program.name}`;
    const samples = sampled(sender, beginMs[index]);
    const frames = framesBySecond(seen[index].arrivalsMs);
    keep(
      `adaptation-${sender.program.name}.txt`,
      table(samples.map((sample) => ({ ...sample, decoded: frames[sample.second] }))),
    );
    const during = (from, to) => samples.filter(({ second }) => second >= from && second < to);
    const before = mean(during(CUT_AT_S - BEFORE_S, CUT_AT_S).map(({ estimateBps }) => estimateBps));
    const fallen = during(CUT_AT_S, OPEN_AT_S).find(({ estimateBps }) => estimateBps < CUT_BPS);
    const back = during(OPEN_AT_S, END_AT_S).find(({ estimateBps }) => estimateBps > BACK_TO * before);
    const freezeMs = Math.round(longestGapMs(seen[index].arrivalsMs));
    const after = (sample, at) => (sample === undefined ? "never" : `${sample.second - at} s`);
    t.diagnostic(
      `${name}: ${Math.round(before / 1000)} kbit/s before, below the cut after ${after(fallen, CUT_AT_S)}, ` +
        `back after ${after(back, OPEN_AT_S)}, longest freeze ${freezeMs} ms`,
    );
    assert.ok(before > CUT_BPS / BACK_TO, `${name}: only ${before} bit/s before the cut`);
    assert.ok(fallen?.second <= CUT_AT_S + FALLEN_WITHIN_S, `${name}: below the cut after ${after(fallen, CUT_AT_S)}`);
    assert.ok(back?.second <= OPEN_AT_S + BACK_WITHIN_S, `${name}: back after ${after(back, OPEN_AT_S)}`);
    assert.ok(freezeMs <= LONGEST_FREEZE_MS, `${name}: frozen for ${freezeMs} ms`);
  }
});

/** A sender's statistics, by the second since `beginMs` of its time. */
function sampled(sender, beginMs) {
  return sender
    .stats()
    .filter(({ time_ms, peers }) => time_ms >= beginMs && peers.length > 0)
    .map(({ time_ms, peers: [{ estimate_bps, rtt_ms, sent_video }] }) => ({
      second: Math.round((time_ms - beginMs) / 1000),
      estimateBps: estimate_bps,
      videoTargetBps: sent_video.target_bps,
      videoBps: sent_video.bitrate_bps,
      framesPerSecond: Math.round(sent_video.frames_per_second),
      height: sent_video.height,
      loss: sent_video.loss.toFixed(3),
      rttMs: rtt_ms?.toFixed(0),
    }));
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
