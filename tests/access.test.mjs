/** Who is let in, in a browser tab: with a link that carries a token, without one, and as a guest. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SERVER } from "./support/binaries.mjs";
import { run } from "./support/process.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

/** A server that wants tokens, and what makes them. */
async function closedServer(scope) {
  const config = join(scope.folder, "visavis.toml");
  const keys = await run(scope, SERVER, ["generate-keys"]);
  writeFileSync(config, keys.replace("[access]\n", "[access]\nanonymous = false\n"));
  const server = await Server.start(scope, { args: ["--config", config] });
  const token = (...options) => run(scope, SERVER, ["token", "--config", config, ...options]);
  return { server, token };
}

test("a link with a token lets in, and the token is nowhere to be seen", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const { server, token } = await closedServer(scope);
  const link = server.room();
  const room = link.split("/").at(-1);
  const adas = await token("--identity", "ada", "--name", "Ada L.", "--room", room, "--can", "create");
  const bobs = await token("--identity", "bob", "--room", room);
  const ada = await Tab.open(scope, `${link}#token=${adas}`, { name: "The President" });
  await ada.inRoom();
  const bob = await Tab.open(scope, `${link}#token=${bobs}`, { name: "Bob" });
  await Promise.all([ada, bob].map((tab) => tab.sees()));
  await bob.page.getByText("Ada L.").first().waitFor();

  assert.equal(new URL(ada.page.url()).hash, "");
  const kept = await ada.page.evaluate(() => JSON.stringify({ ...localStorage }) + document.documentElement.outerHTML);
  assert.ok(!kept.includes(adas), "kept or shown");
  for (const tab of [ada, bob]) assert.deepEqual(tab.complaints, []);
});

test("without a token the user is told what to do", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const { server, token } = await closedServer(scope);
  const nobody = await Tab.open(scope, server.room(), { name: "Nobody" });
  await nobody.page.getByText("This server wants to know who you are").waitFor();
  const elsewhere = await token("--identity", "ada", "--room", "elsewhere", "--can", "create");
  const ada = await Tab.open(scope, `${server.room()}#token=${elsewhere}`, { name: "Ada" });
  await ada.page.getByText("Your invitation is not for this").waitFor();
});

test("a guest is the same one after the page was loaded again", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const tab = await Tab.open(scope, server.room(), { name: "Ada" });
  await tab.inRoom();
  const shown = () => tab.page.evaluate(() => JSON.parse(localStorage.getItem("visavis") ?? "{}").guests);
  const guests = await shown();
  assert.equal(guests[server.origin].split(".").length, 3);

  const hello = new Promise((resolve) => {
    tab.page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => resolve(JSON.parse(payload))));
  });
  await tab.page.reload();
  await tab.inRoom();
  assert.equal((await hello).payload.token, guests[server.origin]);
  assert.deepEqual(await shown(), guests, "no other identity is given");
});
