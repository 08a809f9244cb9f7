/** With `ice.mode = "relay"` media is relayed: in tabs and in the native engine, and never taken another way. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { checkPicture } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

const SECONDS = 5;
const RELAYED = { local: "relay", remote: "relay" };

test("a peer and a tab are relayed where the operator wants that", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const link = (await startRelayOnly(scope)).room();
  const bob = Peer.start(scope, link, { name: "Bob" });
  await bob.inRoom();
  const ada = await Tab.open(scope, link, { name: "Ada" });
  await Promise.all([ada.sees(), bob.sees()]);
  const seen = await ada.watch(SECONDS);
  checkPicture(t, "Ada", seen.picture, { seconds: SECONDS });
  assert.deepEqual(pairOf(await ada.stats()), RELAYED);
  assert.deepEqual(pairOf(bob.stats().at(-1)), RELAYED);
});

test("two peers are relayed where the operator wants that", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const link = (await startRelayOnly(scope)).room();
  const bob = Peer.start(scope, link, { name: "Bob" });
  await bob.inRoom();
  const ada = Peer.start(scope, link, { name: "Ada", record: true });
  await Promise.all([ada.sees(), bob.sees()]);
  const stop = ada.recording.watch();
  await observe(SECONDS * 1000);
  checkPicture(t, "Ada", stop(), { seconds: SECONDS });
  for (const peer of [ada, bob]) {
    assert.deepEqual(pairOf(peer.stats().at(-1)), RELAYED);
    await peer.leave();
  }
});

function pairOf({ peers: [{ candidate_pair }] }) {
  return { local: candidate_pair?.local, remote: candidate_pair?.remote };
}

function startRelayOnly(scope) {
  const file = join(scope.folder, "relay-only.toml");
  writeFileSync(file, '[ice]\nmode = "relay"\n[turn]\nenabled = true\nlisten = "127.0.0.1:0"\n');
  return Server.start(scope, { args: ["--config", file] });
}
