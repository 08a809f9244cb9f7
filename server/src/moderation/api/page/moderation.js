/**
 * The moderators' page. Everything that people wrote goes into text nodes, never into markup; the token is kept by the tab
 * and sent to this server alone.
 */

const TOKEN = "visavis-moderator-token";
const VIEWS = ["reports", "bans", "audit", "people"];
const REASONS = {
  nudity: "Nudity",
  harassment: "Harassment",
  minor: "Minor",
  violence: "Violence",
  spam: "Spam",
  other: "Other",
};
const ACTIONS = {
  report_resolved: "resolved a report",
  ban_made: "banned",
  ban_lifted: "lifted a ban",
  person_forgotten: "deleted a person's data",
};

/** The server refused something, for a reason that has a code. */
class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { authorization: `Bearer ${sessionStorage.getItem(TOKEN)}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Refusal("unreachable", "The server does not answer.");
  }
  const text = await response.text();
  const said = text.startsWith("{") ? JSON.parse(text) : {};
  if (response.ok) return said;
  throw new Refusal(said.code ?? "unknown", said.message ?? `The server says ${response.status}.`);
}

/** Does something for the user, who is told if it fails. */
async function attempt(work, done = "") {
  tell("");
  try {
    await work();
    if (done !== "") tell(done);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code === "unauthorized") signOut("This token is not one of this server's.");
    else tell(error.message, "failure");
  }
}

function tell(text, kind = "news") {
  const status = document.querySelector("#status");
  status.dataset.kind = kind;
  status.textContent = text;
}

/** An element with attributes or listeners, and text or elements in it. */
function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...content.filter((part) => part !== undefined));
  return made;
}

const name = (text) => element("bdi", {}, text);
const code = (text) => element("code", {}, text);
const button = (text, onClick) => element("button", { type: "button", click: onClick }, text);

function time(ms) {
  const date = new Date(ms);
  return element("time", { datetime: date.toISOString() }, date.toLocaleString());
}

function facts(rows) {
  const cells = rows
    .filter(([, value]) => value !== undefined)
    .flatMap(([label, ...values]) => [element("dt", {}, label), element("dd", {}, ...values)]);
  return element("dl", {}, ...cells);
}

function party(title, { name: called, identity, address }) {
  return [title, name(called), " · ", code(identity), ...(address === undefined ? [] : [" · ", code(address)])];
}

function reportItem(report) {
  const { id, at_ms, state, place, reason, words, reporter, reported, resolution } = report;
  const open = state === "open";
  return element(
    "li",
    { "data-id": id },
    element(
      "div",
      { class: "bar" },
      element("span", { class: "badge" }, REASONS[reason] ?? reason),
      element("h3", {}, name(reported.name)),
      time(at_ms),
    ),
    words === "" ? undefined : element("blockquote", { dir: "auto" }, words),
    facts([
      party("Reported", reported),
      party("By", reporter),
      ["Room", name(place)],
      ["Report", code(id)],
      ["Resolved", ...(resolution ? [`${state}, by `, name(resolution.by), ", ", time(resolution.at_ms)] : [undefined])],
      ["Note", resolution?.note || undefined],
    ]),
    open
      ? element(
          "div",
          { class: "bar" },
          button("Dismiss", () => attempt(() => resolve(id, { action: "dismiss" }), "Dismissed.")),
          button("Ban…", () => openBan(report)),
        )
      : undefined,
  );
}

function banItem({ id, subject, reason, since_ms, until_ms, moderator, report }) {
  const lift = async () => {
    if (!confirm(`Let ${subject.value} in again?`)) return;
    await attempt(async () => {
      await ask("DELETE", `/api/bans/${id}`);
      await lists.bans.load();
    }, "Lifted.");
  };
  return element(
    "li",
    { "data-id": id },
    element(
      "div",
      { class: "bar" },
      element("span", { class: "badge" }, subject.kind === "identity" ? "Identity" : "Address"),
      element("h3", {}, code(subject.value)),
      button("Lift", lift),
    ),
    facts([
      ["Reason", reason],
      ["Since", time(since_ms), ", by ", name(moderator)],
      ["Until", until_ms === undefined ? "for ever" : time(until_ms)],
      ["Report", report === undefined ? undefined : code(report)],
    ]),
  );
}

function auditItem({ id, at_ms, moderator, action, target, before, after }) {
  const whom = (after ?? before)?.subject?.value;
  const change = { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
  return element(
    "li",
    { "data-id": id },
    element(
      "div",
      { class: "bar" },
      element("h3", {}, name(moderator), ` ${ACTIONS[action] ?? action}`, ...(whom === undefined ? [] : [" ", code(whom)])),
      time(at_ms),
    ),
    target === undefined ? undefined : element("p", { class: "hint" }, code(target)),
    element(
      "details",
      {},
      element("summary", {}, "What changed"),
      element("pre", {}, JSON.stringify(change, undefined, 2)),
    ),
  );
}

/** A list that is shown in parts. */
class List {
  #next;

  constructor(view, path, item, empty) {
    this.path = path;
    this.item = item;
    this.empty = empty;
    this.list = document.querySelector(`#${view} .list`);
    this.more = document.querySelector(`#${view} .more`);
    this.more.addEventListener("click", () => attempt(() => this.#add()));
  }

  async load() {
    this.#next = undefined;
    const { items, next } = await this.#part();
    this.list.replaceChildren(...items.map(this.item));
    if (items.length === 0) this.list.append(element("p", { class: "empty" }, this.empty()));
    this.#goOn(next);
  }

  async #add() {
    const { items, next } = await this.#part();
    this.list.append(...items.map(this.item));
    this.#goOn(next);
  }

  #part() {
    const query = new URLSearchParams({ ...this.path().query, ...(this.#next !== undefined && { after: this.#next }) });
    return ask("GET", `${this.path().path}?${query}`);
  }

  #goOn(next) {
    this.#next = next;
    this.more.hidden = next === undefined;
  }
}

const state = document.querySelector("#reports-state");
const lists = {
  reports: new List(
    "reports",
    () => ({ path: "/api/reports", query: { state: state.value } }),
    reportItem,
    () => (state.value === "open" ? "Nothing waits." : "Nothing was resolved lately."),
  ),
  bans: new List("bans", () => ({ path: "/api/bans" }), banItem, () => "Nobody is banned."),
  audit: new List("audit", () => ({ path: "/api/audit" }), auditItem, () => "Nothing was done lately."),
};

async function resolve(id, decision) {
  try {
    await ask("POST", `/api/reports/${id}/resolve`, decision);
  } finally {
    // Another moderator may have been faster.
    await lists.reports.load();
  }
}

const dialog = document.querySelector("#ban");
const form = dialog.querySelector("form");

/** Asks how to ban: whom a report is about, or without one, somebody who is named. */
function openBan(report) {
  form.reset();
  for (const part of form.querySelectorAll("[data-for]")) {
    part.hidden = part.dataset.for !== (report === undefined ? "subject" : "report");
  }
  form.elements.value.required = report === undefined;
  const whom = dialog.querySelector("#ban-whom");
  whom.replaceChildren(...(report === undefined ? [] : party("", report.reported).slice(1)));
  if (report !== undefined) form.elements.reason.value = REASONS[report.reason] ?? "";
  dialog.returnValue = "";
  dialog.addEventListener("close", () => dialog.returnValue === "ban" && ban(report), { once: true });
  dialog.showModal();
}

async function ban(report) {
  const { by, kind, value, seconds, reason, note } = Object.fromEntries(new FormData(form));
  const terms = { reason, ...(seconds !== "" && { seconds: Number(seconds) }) };
  await attempt(async () => {
    if (report !== undefined) return await resolve(report.id, { action: "ban", by, note, ...terms });
    await ask("POST", "/api/bans", { subject: { kind, value: value.trim() }, ...terms });
    await lists.bans.load();
  }, "Banned.");
}

async function show(view) {
  for (const each of VIEWS) document.querySelector(`#${each}`).hidden = each !== view;
  for (const tab of document.querySelectorAll("[data-view]")) {
    if (tab.dataset.view === view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  await attempt(async () => lists[view]?.load());
}

function signedIn(yes) {
  document.querySelector("nav").hidden = !yes;
  document.querySelector("#sign-in").hidden = yes;
  if (!yes) for (const view of VIEWS) document.querySelector(`#${view}`).hidden = true;
}

function signOut(why) {
  sessionStorage.removeItem(TOKEN);
  for (const { list } of Object.values(lists)) list.replaceChildren();
  signedIn(false);
  tell(why, why === "" ? "news" : "failure");
}

async function enter() {
  signedIn(true);
  await show("reports");
}

document.querySelector("#sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, new FormData(event.target).get("token").trim());
  event.target.reset();
  await enter();
});
document.querySelector("#sign-out").addEventListener("click", () => signOut(""));
document.querySelector("#new-ban").addEventListener("click", () => openBan(undefined));
document.querySelector("#forget").addEventListener("submit", async (event) => {
  event.preventDefault();
  const identity = new FormData(event.target).get("identity").trim();
  if (!confirm(`Delete all that is kept about ${identity}?`)) return;
  await attempt(async () => {
    const { reports, blocks, bans, audit_lines } = await ask("DELETE", `/api/people/${encodeURIComponent(identity)}`);
    event.target.reset();
    tell(`Deleted: ${reports} reports, ${blocks} blocks, ${bans} bans, ${audit_lines} lines of the audit log.`);
  });
});
state.addEventListener("change", () => attempt(() => lists.reports.load()));
for (const reload of document.querySelectorAll("[data-reload]")) {
  reload.addEventListener("click", () => attempt(() => lists[reload.closest("section").id].load()));
}
for (const tab of document.querySelectorAll("[data-view]")) tab.addEventListener("click", () => show(tab.dataset.view));

if (sessionStorage.getItem(TOKEN) === null) signedIn(false);
else await enter();
