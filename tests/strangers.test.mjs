/** Strangers meet, leave each other, and meet others: in tabs and in the native engine. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Peer } from "./support/peer.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

test("a tab meets the native engine, and then another tab", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope, { args: ["--dev"] });
  const ada = await Tab.open(scope, server.origin, { name: "Ada", join: false });
  await ada.page.getByRole("button", { name: "Meet somebody" }).click();
  await ada.screenshot("strangers-green-room.png");
  await ada.page.getByLabel("Your name").fill("Ada");
  await ada.page.getByRole("button", { name: "Find somebody" }).click();
  await ada.page.getByText("You are number 1 of 1 who wait.").waitFor();
  await ada.screenshot("strangers-looking.png");

  const bob = Peer.start(scope, `${server.origin}/meet`, { name: "Bob", args: ["--commands"] });
  await bob.sees();
  await ada.sees();
  await ada.page.getByRole("figure", { name: "Bob" }).waitFor();
  await ada.screenshot("strangers-met.png");

  const cat = await Tab.open(scope, `${server.origin}/meet`, { name: "Cat" });
  await cat.page.getByText("You are number 1 of 1 who wait.").waitFor();
  await ada.page.getByRole("button", { name: "Next" }).click();
  await bob.event(({ type, event }) => type === "call" && event.type === "participant_left", "to be left");
  await ada.page.getByRole("figure", { name: "Cat" }).waitFor();
  await Promise.all([ada.sees(), cat.sees()]);

  await cat.leave();
  await ada.page.getByRole("heading", { name: "They have left" }).waitFor();
  await ada.screenshot("strangers-left.png");
  bob.command({ type: "next" });
  await bob.event(({ type, event }) => type === "call" && event.state?.type === "queued", "to look for somebody");
  await ada.page.getByRole("button", { name: "Next" }).click();
  await ada.page.getByRole("figure", { name: "Bob" }).waitFor();
  assert.deepEqual([...ada.complaints, ...cat.complaints], []);
});

test("where strangers are not brought together, nobody is offered it", { timeout: 30_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const ada = await Tab.open(scope, server.origin, { name: "Ada", join: false });
  await ada.page.getByRole("button", { name: "New call" }).waitFor();
  assert.equal(await ada.page.getByRole("button", { name: "Meet somebody" }).count(), 0);
  const bob = await Tab.open(scope, `${server.origin}/meet`, { name: "Bob" });
  await bob.page.getByText("You can't meet strangers here").waitFor();
});
