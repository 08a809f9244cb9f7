/** Reports, bans and the moderators' page: with SQLite and with PostgreSQL, over the ends of server and database. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { chromium } from "playwright-core";
import { artefactPath } from "./support/artefacts.mjs";
import { freePort } from "./support/ports.mjs";
import { Postgres } from "./support/postgres.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";
import { RawSocket } from "./support/websocket.mjs";

const BROWSER = process.env.VISAVIS_CHROMIUM_BIN ?? "/usr/bin/chromium";
const TOKEN = "operator-0123456789abcdef0123456789abcdef";
const APPEAL = "Write to mo@example.org.";
const MEDIA = { microphone: true, camera: true };
const [ADA, EVE] = ["192.0.2.1", "192.0.2.66"];
const POLICY = 1008;
/** A server looks every 10 s for what others changed. */
const NEXT_LOOK_LIMIT_MS = 20_000;
/** It waits for 5 s for a database that does not answer. */
const PATIENCE_LIMIT_MS = 20_000;
const HOSTILE = `<img src=x onerror="document.title='owned'"> '); DROP TABLE reports; -- \u202e 🦉`;

/** A server that keeps reports, and its moderators. */
class Moderated {
  constructor(server, port) {
    this.server = server;
    this.origin = `http://127.0.0.1:${port}`;
  }

  static async start(scope, database) {
    const port = await freePort();
    const file = join(scope.folder, `server-${port}.toml`);
    const lines = [
      "[admin]",
      `listen = "127.0.0.1:${port}"`,
      `token = "${TOKEN}"`,
      "[moderation]",
      `database = "${database}"`,
      `appeal = "${APPEAL}"`,
    ];
    writeFileSync(file, lines.join("\n"), { mode: 0o600 });
    return new Moderated(await Server.start(scope, { args: ["--config", file] }), port);
  }

  async ask(method, path, body) {
    const response = await fetch(`${this.origin}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, said: text === "" ? undefined : JSON.parse(text) };
  }

  async items(path) {
    const { status, said } = await this.ask("GET", path);
    assert.equal(status, 200, JSON.stringify(said));
    return said.items;
  }

  /** A connection from an address, by the proxy's word. */
  async connect(scope, address) {
    const socket = await RawSocket.connect(scope, this.server.webSocket, { "x-forwarded-for": address });
    say(socket, "hello", { protocol: 1, client: "moderation" });
    return socket;
  }

  /** Somebody in a room, and the own id. */
  async enter(scope, address, room, name) {
    const socket = await this.connect(scope, address);
    await hear(socket, "welcome");
    say(socket, "join", { room, name, media: MEDIA });
    return [socket, (await hear(socket, "joined")).you];
  }

  /** Ada and Eve in a room, and Eve's id. */
  async meeting(scope, room) {
    const [ada] = await this.enter(scope, ADA, room, "Ada");
    const [eve, id] = await this.enter(scope, EVE, room, "Eve");
    await hear(ada, "participant_joined");
    return [ada, eve, id];
  }
}

function say(socket, type, payload) {
  socket.send({ type, payload });
}

async function hear(socket, type, limitMs) {
  const message = await socket.next(limitMs);
  assert.equal(message.type, type, JSON.stringify(message));
  return message.payload;
}

const databases = {
  SQLite: async (scope) => ({ url: `sqlite:${join(scope.folder, "visavis.db")}` }),
  PostgreSQL: (scope) => Postgres.start(scope),
};

for (const [name, open] of Object.entries(databases)) {
  test(`with ${name}, what was decided outlives the server`, { timeout: 60_000 }, async (t) => {
    const scope = new Scope(t);
    const { url } = await open(scope);
    let moderated = await Moderated.start(scope, url);
    const [ada, eve, eveId] = await moderated.meeting(scope, "owl");
    say(ada, "report", { participant: eveId, reason: "harassment", words: HOSTILE });
    const { report } = await hear(ada, "reported");
    say(ada, "block", { participant: eveId });
    assert.equal((await hear(ada, "blocked")).participant, eveId);

    // Killed: what was confirmed is kept.
    process.kill(moderated.server.program.pid, "SIGKILL");
    await moderated.server.program.exited;
    moderated = await Moderated.start(scope, url);
    const [kept] = await moderated.items("/api/reports?state=open");
    assert.equal(kept.id, report);
    assert.equal(kept.words, HOSTILE.trim());
    assert.equal(kept.reported.address, EVE);

    const [, again] = await moderated.meeting(scope, "owl");
    const decision = { action: "ban", by: "both", reason: "harassment", seconds: 3600, note: "clear" };
    const resolved = await moderated.ask("POST", `/api/reports/${report}/resolve`, decision);
    assert.equal(resolved.said.state, "banned");
    const told = await hear(again, "error");
    assert.equal(told.code, "banned");
    assert.ok(told.message.includes("harassment") && told.message.includes(APPEAL), told.message);
    assert.equal(await again.closeCode(), POLICY);

    await moderated.server.program.end();
    moderated = await Moderated.start(scope, url);
    const refused = await moderated.connect(scope, EVE);
    assert.equal((await hear(refused, "error")).code, "banned");
    const bans = await moderated.items("/api/bans");
    assert.deepEqual(bans.map(({ subject }) => subject.kind).sort(), ["address", "identity"]);
    for (const { id } of bans) assert.equal((await moderated.ask("DELETE", `/api/bans/${id}`)).status, 204);
    await moderated.enter(scope, EVE, "owl", "Eve");
    const lines = (await moderated.items("/api/audit")).map(({ action }) => action);
    assert.deepEqual(lines, ["ban_lifted", "ban_lifted", "ban_made", "ban_made", "report_resolved"]);

    const { said } = await moderated.ask("DELETE", `/api/people/${encodeURIComponent(kept.reported.identity)}`);
    assert.deepEqual(said, { reports: 1, blocks: 1, bans: 0, audit_lines: 4 });
  });
}

test("two servers with one database know each other's bans", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const { url } = await Postgres.start(scope);
  const [here, there] = [await Moderated.start(scope, url), await Moderated.start(scope, url)];
  const [eve] = await there.enter(scope, EVE, "owl", "Eve");
  const ban = { subject: { kind: "address", value: EVE }, reason: "spam" };
  assert.equal((await here.ask("POST", "/api/bans", ban)).status, 201);
  const begun = performance.now();
  assert.equal((await hear(eve, "error", NEXT_LOOK_LIMIT_MS)).code, "banned");
  t.diagnostic(`told after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
});

test("the database ends and comes back: calls go on, reports are refused meanwhile", { timeout: 90_000 }, async (t) => {
  const scope = new Scope(t);
  const postgres = await Postgres.start(scope);
  const moderated = await Moderated.start(scope, postgres.url);
  const [ada, eve, eveId] = await moderated.meeting(scope, "owl");
  await postgres.end();
  const report = () => say(ada, "report", { participant: eveId, reason: "spam", words: "" });
  report();
  // The rooms do not wait for it.
  say(ada, "media", { microphone: false, camera: true });
  assert.deepEqual((await hear(eve, "media")).media, { microphone: false, camera: true });
  assert.equal((await hear(ada, "error", PATIENCE_LIMIT_MS)).code, "unavailable");
  assert.equal((await moderated.ask("GET", "/api/reports")).status, 503);
  await postgres.begin();
  report();
  await hear(ada, "reported", PATIENCE_LIMIT_MS);
  assert.equal((await moderated.items("/api/reports")).length, 1);
});

test("who is banned reads in the tab why, until when and where to appeal", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const moderated = await Moderated.start(scope, `sqlite:${join(scope.folder, "visavis.db")}`);
  const link = moderated.server.room();
  const [ada] = await moderated.enter(scope, ADA, decodeURIComponent(link.split("/r/")[1]), "Ada");
  const tab = await Tab.open(scope, link, { name: "Eve" });
  await tab.inRoom();
  const { participant } = await hear(ada, "participant_joined");
  say(ada, "report", { participant: participant.id, reason: "spam", words: "" });
  // What the tab sends to open the call comes in between.
  let message = await ada.next();
  while (message.type !== "reported") message = await ada.next();
  const decision = { action: "ban", by: "identity", reason: "It was spam.", seconds: 3600 };
  const { status } = await moderated.ask("POST", `/api/reports/${message.payload.report}/resolve`, decision);
  assert.equal(status, 200);
  await tab.page.getByRole("heading", { name: "You are excluded" }).waitFor();
  const notice = await tab.page.locator("blockquote").textContent();
  assert.match(notice, /^you are banned from this server until .* GMT: It was spam\. Write to mo@example\.org\.$/);
  await tab.screenshot("moderation-banned.png");
});

test("the API is described in the words of OpenAPI 3.1", async (t) => {
  const scope = new Scope(t);
  const moderated = await Moderated.start(scope, `sqlite:${join(scope.folder, "visavis.db")}`);
  const { said } = await moderated.ask("GET", "/api/openapi.json");
  const validator = new Validator();
  const { valid, errors } = await validator.validate(said);
  assert.ok(valid, JSON.stringify(errors, undefined, 2));
  assert.equal(validator.version, "3.1");
});

test("a moderator works on the page", { timeout: 90_000 }, async (t) => {
  const scope = new Scope(t);
  const moderated = await Moderated.start(scope, `sqlite:${join(scope.folder, "visavis.db")}`);
  const [ada, eve, eveId] = await moderated.meeting(scope, "owl");
  for (const words of [HOSTILE, "He would not stop.\nNot even when I asked.", ""]) {
    say(ada, "report", { participant: eveId, reason: words === "" ? "spam" : "harassment", words });
    await hear(ada, "reported");
  }

  const browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox", "--disable-gpu"] });
  scope.defer(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 }, colorScheme: "light" });
  page.setDefaultTimeout(10_000);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("dialog", (dialog) => dialog.accept());
  const looks = async (name) => page.screenshot({ path: artefactPath(`moderation-${name}.png`), fullPage: true });

  await page.goto(moderated.origin);
  await page.getByLabel("Your token").fill("not-the-token-0123456789abcdef0123456789");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("status").filter({ hasText: "not one of this server's" }).waitFor();
  await looks("sign-in");
  // The browser itself says that the server said 401.
  assert.ok(complaints.splice(0).every((complaint) => complaint.includes("401")), complaints.join("\n"));

  await page.getByLabel("Your token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  const items = page.locator("#reports li");
  await items.nth(2).waitFor();
  assert.equal(await items.count(), 3);
  assert.equal(await items.first().locator("blockquote").textContent(), HOSTILE.trim());
  assert.equal(await page.locator("#reports img").count(), 0);
  assert.match(await page.title(), /^Moderation/);
  await looks("light");
  await page.emulateMedia({ colorScheme: "dark" });
  await looks("dark");
  await page.setViewportSize({ width: 375, height: 740 });
  await looks("phone");
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(overflow, 0, "nothing is wider than a phone");

  await items.nth(2).getByRole("button", { name: "Dismiss" }).click();
  await page.getByRole("status").filter({ hasText: "Dismissed." }).waitFor();
  assert.equal(await items.count(), 2);
  await items.first().getByRole("button", { name: "Ban…" }).click();
  await page.getByLabel("Reason, which").fill("harassment");
  await page.getByLabel("Note, for other").fill("clear");
  await looks("phone-ban");
  await page.getByRole("dialog").getByRole("button", { name: "Ban", exact: true }).click();
  await page.getByRole("status").filter({ hasText: "Banned." }).waitFor();
  const told = await hear(eve, "error");
  assert.equal(told.code, "banned");
  assert.match(told.message, /^you are banned from this server until .* GMT: harassment\. /);

  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1100, height: 900 });
  await page.getByRole("button", { name: "Bans", exact: true }).click();
  const bans = page.locator("#bans li");
  await bans.nth(1).waitFor();
  await looks("bans");
  await bans.filter({ hasText: `${EVE}/32` }).getByRole("button", { name: "Lift" }).click();
  await page.getByRole("status").filter({ hasText: "Lifted." }).waitFor();
  await moderated.enter(scope, EVE, "fox", "Eve");
  await page.getByRole("button", { name: "New ban…" }).click();
  await page.getByLabel("an address or network").check();
  await page.locator("#ban input[name=value]").fill("198.51.100.0/24");
  await page.getByLabel("Reason, which").fill("spam");
  await page.getByRole("dialog").getByRole("button", { name: "Ban", exact: true }).click();
  await bans.filter({ hasText: "198.51.100.0/24" }).waitFor();

  await page.getByRole("button", { name: "Audit log" }).click();
  const lines = page.locator("#audit li");
  await lines.first().waitFor();
  assert.equal(await lines.count(), 6);
  await lines.first().getByText("What changed").click();
  await looks("audit");
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.equal(await lines.count(), 0, "nothing is left on the page");
  assert.deepEqual(complaints, []);
});
