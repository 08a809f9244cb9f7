/** Two browser tabs see and hear each other. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPicture } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

const SECONDS = 30;

test("two browser tabs see and hear each other", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const link = server.room();
  const ada = await Tab.open(scope, link, { name: "Ada" });
  await ada.inRoom();
  const bob = await Tab.open(scope, link, { name: "Bob" });
  const tabs = [ada, bob];
  await Promise.all(tabs.map((tab) => tab.sees()));

  const seen = await Promise.all(tabs.map((tab) => tab.watch(SECONDS)));
  for (const [index, tab] of tabs.entries()) {
    await tab.screenshot(`tab-tab-${tab.name}.png`);
    checkPicture(t, tab.name, seen[index].picture, { seconds: SECONDS });
    t.diagnostic(`${tab.name} hears the tone in ${(100 * seen[index].tone).toFixed(1)} % of the time`);
    assert.ok(seen[index].tone >= 0.95, `${tab.name} hears the tone in ${seen[index].tone} of the time`);
    assert.deepEqual(tab.complaints, []);
  }
  await ada.leave();
  await bob.page.waitForFunction(() => window.visavis.streams().every(({ type }) => type === "own"));
});
