/** Strangers report and block each other: by click in a tab, by command in the native engine. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { freePort } from "./support/ports.mjs";
import { Scope } from "./support/scope.mjs";
import { startForStrangers } from "./support/strangers.mjs";
import { Tab } from "./support/tab.mjs";

const ANSWER_LIMIT_MS = 5_000;
const TOKEN = "operator-0123456789abcdef0123456789abcdef";
const WORDS = "He would not stop.\nNot even when I asked. 🦉";
const SIZES = [
  { width: 320, height: 568 },
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
];

test("a stranger is reported and blocked, and not met again", { timeout: 90_000 }, async (t) => {
  const scope = new Scope(t);
  const { server, reports } = await startModerated(scope);
  const bob = Peer.start(scope, `${server.origin}/meet`, { name: "Bob", args: ["--commands"] });
  await bob.event(isState("queued"), "to wait");
  const ada = await Tab.open(scope, `${server.origin}/meet`, { name: "Ada" });
  const { page } = ada;
  await Promise.all([ada.sees(), bob.sees()]);

  // By keyboard: into the panel, into the dialog, and out again.
  const button = page.getByRole("button", { name: "Report or block" });
  await button.focus();
  await page.keyboard.press("Enter");
  await looks(ada, "report-panel");
  await page.getByRole("button", { name: "Report Bob" }).click();
  const dialog = page.getByRole("dialog", { name: "Report Bob" });
  await dialog.waitFor();
  assert.ok(await dialog.evaluate((it) => it.contains(document.activeElement)), "the focus is in the dialog");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.ok(await button.evaluate((it) => it === document.activeElement), "the focus is back");

  await button.click();
  await page.getByRole("button", { name: "Report Bob" }).click();
  // Without a reason nothing is sent.
  await dialog.getByRole("button", { name: "Send report" }).click();
  assert.equal((await reports()).length, 0);
  await dialog.getByLabel("Harassment or threats").check();
  await dialog.getByLabel("What happened?").fill(WORDS);
  await looks(ada, "report-dialog");
  await dialog.getByRole("button", { name: "Send report" }).click();
  const kept = page.getByRole("dialog", { name: "Your report is kept" });
  await kept.waitFor();
  await ada.screenshot("report-kept.png");
  const [report] = await reports();
  assert.deepEqual([report.reason, report.words, report.reported.name], ["harassment", WORDS, "Bob"]);
  assert.ok((await kept.textContent()).includes(report.id), "its number is shown");
  await kept.getByRole("button", { name: "Close" }).click();

  const { event } = await bob.event(isCall("participant_joined"), "to meet Ada");
  bob.command({ type: "report", participant: event.participant.id, reason: "spam", words: "" });
  const told = await bob.event(isCall("reported"), "to hear that it is kept");
  assert.ok((await reports()).some(({ id }) => id === told.event.report));

  await button.click();
  await page.getByRole("button", { name: "Block Bob" }).click();
  await page.getByText("Block Bob?").waitFor();
  await looks(ada, "report-block");
  await page.getByRole("button", { name: "Block Bob" }).click();
  await bob.event(isCall("participant_left"), "to be left");
  await page.getByText("You are number 1 of 1 who wait.").waitFor();
  await until(ANSWER_LIMIT_MS, "the block to be kept", () => ada.signaling.heard.some((text) => JSON.parse(text).type === "blocked"));
  const before = bob.events.length;
  bob.command({ type: "next" });
  // Without the block they would meet: nobody else waits.
  const queued = await bob.event(isState("queued"), "to wait", { from: before });
  assert.deepEqual([queued.event.state.place, queued.event.state.waiting], [2, 2]);

  // Who has left can be reported for a while.
  await button.click();
  await page.getByText("Bob, who has left").waitFor();
  await ada.screenshot("report-left.png");
  await page.getByRole("button", { name: "Report Bob" }).click();
  await dialog.getByLabel("Something else").check();
  await dialog.getByRole("button", { name: "Send report" }).click();
  await kept.waitFor();
  assert.equal((await reports()).length, 3);
  await page.keyboard.press("Escape");
  await kept.waitFor({ state: "detached" });

  const cat = Peer.start(scope, `${server.origin}/meet`, { name: "Cat" });
  await cat.inRoom();
  await page.getByRole("figure", { name: "Cat" }).waitFor();
  assert.deepEqual(ada.complaints, []);
});

test("where nothing is kept, nobody is offered it", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await startForStrangers(scope);
  const bob = Peer.start(scope, `${server.origin}/meet`, { name: "Bob", args: ["--commands"] });
  await bob.event(isState("queued"), "to wait");
  const ada = await Tab.open(scope, `${server.origin}/meet`, { name: "Ada" });
  await Promise.all([ada.sees(), bob.sees()]);
  assert.equal(await ada.page.getByRole("button", { name: "Report or block" }).count(), 0);
  const { event } = await bob.event(isCall("participant_joined"), "to meet Ada");
  bob.command({ type: "block", participant: event.participant.id });
  const refused = await bob.event(isCall("not_kept"), "to hear that it is not kept");
  assert.equal(refused.event.why, "unavailable");
});

function isCall(type) {
  return (event) => event.type === "call" && event.event.type === type;
}

function isState(type) {
  return (event) => isCall("state")(event) && event.event.state.type === type;
}

/** Keeps what it looks like, on screens and phones, by day and by night; nothing is wider than they are. */
async function looks(tab, name) {
  const { page } = tab;
  const before = page.viewportSize();
  for (const size of SIZES) {
    await page.setViewportSize(size);
    // Tiles take a moment to their new places.
    await until(ANSWER_LIMIT_MS, `${name} to fit into ${size.width}`, () =>
      page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth),
    );
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await tab.screenshot(`${name}-${size.width}-${colorScheme}.png`);
    }
  }
  await page.setViewportSize(before);
}

/** A server that keeps reports, and a look at them. */
async function startModerated(scope) {
  const admin = `127.0.0.1:${await freePort()}`;
  const more = [
    "[admin]",
    `listen = "${admin}"`,
    `token = "${TOKEN}"`,
    "[moderation]",
    `database = "sqlite:${join(scope.folder, "visavis.db")}"`,
  ].join("\n");
  const server = await startForStrangers(scope, { more });
  const reports = async () => {
    const answer = await fetch(`http://${admin}/api/reports`, { headers: { authorization: `Bearer ${TOKEN}` } });
    assert.equal(answer.status, 200);
    return (await answer.json()).items;
  };
  return { server, reports };
}
