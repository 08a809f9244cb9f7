/** A host decides who comes in, mutes and removes others, and ends the call: in a tab, and in the native engine. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Peer } from "./support/peer.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

test("a host in a tab lets the native engine in, mutes it, removes it, and keeps it out", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const link = server.room();
  const ada = await Tab.open(scope, link, { name: "Ada" });
  await ada.inRoom();
  const { page } = ada;
  await page.getByRole("button", { name: "Host" }).click();
  await page.getByRole("radio", { name: "Whom I let in" }).check();
  await ada.screenshot("hosting-door.png");
  await page.keyboard.press("Escape");

  const bob = Peer.start(scope, link, { name: "Bob" });
  await bob.event(({ type, event }) => type === "call" && event.state?.type === "waiting", "to wait in the lobby");
  const knock = page.getByRole("alert").filter({ hasText: "Bob wants to come in" });
  await knock.waitFor();
  assert.deepEqual((await ada.stats()).peers, [], "nothing of who waits is sent");
  await ada.screenshot("hosting-knock.png");
  await knock.getByRole("button", { name: "Let in" }).click();
  await bob.inRoom();
  await knock.waitFor({ state: "detached" });
  await ada.sees();

  await page.getByRole("button", { name: "Host" }).click();
  const mute = page.getByRole("button", { name: "Mute Bob" });
  await mute.click();
  await bob.event(({ type, event }) => type === "call" && event.type === "muted", "to be muted");
  await page.getByRole("img", { name: "Bob is muted" }).waitFor();
  assert.ok(await mute.isDisabled(), "there is nothing to mute");
  await ada.screenshot("hosting-people.png");
  await page.getByRole("button", { name: "Remove Bob" }).click();
  await bob.fails("removed");
  await page.getByText("Nobody else is here yet").waitFor();
  assert.deepEqual(ada.complaints, []);
});

test("a host in the native engine turns a tab away, lets it in, and ends the call", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const link = server.room();
  const ada = Peer.start(scope, link, { name: "Ada", args: ["--commands"] });
  await ada.inRoom();
  const host = (action) => ada.command({ type: "host", action });
  host({ action: "set_door", door: "lobby" });
  await ada.event(({ type, event }) => type === "call" && event.state?.door === "lobby", "to have a lobby");

  const bob = await Tab.open(scope, link, { name: "Bob" });
  await bob.page.getByText("Somebody has to let you in").waitFor();
  await bob.screenshot("hosting-lobby.png");
  const knocks = ({ type, event }) => type === "call" && event.type === "knock";
  const first = await ada.event(knocks, "to hear somebody knock");
  host({ action: "deny", participant: first.event.participant });
  await bob.page.getByText("You were not let in").waitFor();
  await bob.screenshot("hosting-turned-away.png");

  await bob.page.getByRole("button", { name: "Join again" }).click();
  await bob.join();
  const second = await ada.event((event) => knocks(event) && event.event.participant !== first.event.participant, "to hear it again");
  assert.equal(second.event.name, "Bob");
  host({ action: "admit", participant: second.event.participant });
  await bob.sees();
  host({ action: "mute_all" });
  await bob.page.getByText("Ada has muted you").waitFor();
  await bob.page.getByRole("button", { name: "Microphone", pressed: false }).waitFor();
  await bob.screenshot("hosting-muted.png");
  await bob.page.getByRole("button", { name: "Microphone" }).click();
  await bob.page.getByText("Ada has muted you").waitFor({ state: "detached" });
  host({ action: "end" });
  await bob.page.getByText("The call has ended").waitFor();
  await ada.left();
  assert.deepEqual(bob.complaints, []);
});
