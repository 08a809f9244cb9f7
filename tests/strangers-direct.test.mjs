/** Strangers are relayed and tell each other no address, until both want a direct path; then their call moves there. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { observe, until } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { longestGapMs } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { addressesIn, candidatesIn, startForStrangers } from "./support/strangers.mjs";
import { Tab } from "./support/tab.mjs";

const STATS_LIMIT_MS = 15_000;
const WATCH_S = 7;
/** Of the addresses that descriptions may give: none, or where the relay is. */
const HARMLESS = new Set(["0.0.0.0", "127.0.0.1"]);
const RELAY = /^candidate:\S+ 1 udp \d+ \S+ \d+ typ relay raddr (0\.0\.0\.0|::) rport 9( |$)/i;

/** Who Ada and Bob are, and how long pictures may stand still when the call moves: browsers keep the old path meanwhile. */
const CALLS = [
  { ada: tabOf, bob: tabOf, offers: "Ada", limitMs: 500 },
  { ada: tabOf, bob: peerOf, offers: "Ada", limitMs: 1000 },
  { ada: tabOf, bob: peerOf, offers: "Bob", limitMs: 1000 },
  { ada: peerOf, bob: peerOf, offers: "Ada", limitMs: 1000 },
];

for (const { ada: adaOf, bob: bobOf, offers, limitMs } of CALLS) {
  const names = [adaOf, bobOf].map((of) => (of === tabOf ? "tab" : "peer"));
  const title = `a ${names.join(" and a ")} are relayed until both want it otherwise, ${offers} offers`;
  test(title, { timeout: 120_000 }, async (t) => {
    const scope = new Scope(t);
    const server = await startForStrangers(scope);
    const enter = { Ada: () => adaOf(scope, server, "Ada"), Bob: () => bobOf(scope, server, "Bob") };
    // Who has waited longer answers.
    const first = await enter[offers === "Ada" ? "Bob" : "Ada"]();
    await first.waits();
    const second = await enter[offers]();
    const [ada, bob] = offers === "Ada" ? [second, first] : [first, second];
    await Promise.all([ada.sees(), bob.sees()]);
    for (const end of [ada, bob]) await end.selects((kind) => kind === "relay");

    await ada.consents();
    await bob.hearsOfWish();
    await observe(2500);
    for (const end of [ada, bob]) await end.selects((kind) => kind === "relay");
    // What a tab says and hears is all that there is.
    const signaling = Object.entries(ada.signaling);
    for (const [who, messages] of signaling) {
      const candidates = candidatesIn(messages);
      assert.ok(candidates.length > 0, `${who} has said where it can be reached`);
      assert.deepEqual(candidates.filter((candidate) => !RELAY.test(candidate)), [], `candidates of ${who}`);
      assert.deepEqual(addressesIn(messages).filter((address) => !HARMLESS.has(address)), [], `addresses of ${who}`);
    }

    const watched = [ada, bob].map((end) => end.watch(WATCH_S));
    await observe(1000);
    const beganMs = performance.now();
    await bob.consents();
    const directMs = await Promise.all(
      [ada, bob].map(async (end) => {
        await end.selects((kind) => kind !== "relay");
        return Math.round(performance.now() - beganMs);
      }),
    );
    for (const [i, seen] of (await Promise.all(watched)).entries()) {
      const gapMs = Math.round(longestGapMs(seen.arrivalsMs));
      t.diagnostic(`${["Ada", "Bob"][i]}: direct by ${directMs[i]} ms (told once a second), longest gap ${gapMs} ms`);
      assert.ok(gapMs <= limitMs, `pictures stood still for ${gapMs} ms`);
      assert.ok(seen.count >= 10 * (WATCH_S - 2), `${seen.count} pictures`);
    }
    for (const [, messages] of signaling) {
      assert.ok(candidatesIn(messages).some((candidate) => / typ host/.test(candidate)), "addresses are told now");
    }

    // It is over with the room.
    await ada.shows();
    const before = signaling.map(([, messages]) => messages.length);
    await bob.goesOn();
    await ada.goesOn();
    for (const end of [ada, bob]) await end.selects((kind) => kind === "relay");
    for (const [i, [, messages]] of signaling.entries()) {
      const candidates = candidatesIn(messages.slice(before[i]));
      assert.ok(candidates.length > 0);
      assert.deepEqual(candidates.filter((candidate) => !RELAY.test(candidate)), []);
    }
    assert.deepEqual(ada.complaints(), []);
    assert.deepEqual(bob.complaints(), []);
  });
}

async function tabOf(scope, server, name) {
  const tab = await Tab.open(scope, `${server.origin}/meet`, { name });
  const { page } = tab;
  const stats = () => tab.stats();
  return {
    signaling: { [name]: tab.signaling.said, [`who meets ${name}`]: tab.signaling.heard },
    waits: () => page.getByText("You are number 1 of 1 who wait.").waitFor(),
    sees: () => tab.sees(),
    selects: (test) => selects(name, stats, test),
    consents: async () => {
      const wish = page.getByRole("alert").getByRole("button", { name: "Connect directly" });
      if (await wish.isVisible()) return wish.click();
      await page.getByRole("button", { name: "Direct connection" }).click();
      await page.getByRole("button", { name: "Connect directly" }).click();
      await page.getByText("You would like a direct connection.").waitFor();
      await tab.screenshot("strangers-direct-own.png");
      await page.keyboard.press("Escape");
    },
    hearsOfWish: async () => {
      await page.getByRole("alert").filter({ hasText: "They would like a direct connection" }).waitFor();
      await tab.screenshot("strangers-direct-other.png");
    },
    shows: async () => {
      await page.getByRole("button", { name: "Direct connection" }).click();
      await page.getByText("You have both agreed").waitFor();
      await tab.screenshot("strangers-direct-both.png");
      await page.keyboard.press("Escape");
    },
    goesOn: () => page.getByRole("button", { name: "Next" }).click(),
    watch: async (seconds) => (await tab.watch(seconds)).picture,
    complaints: () => tab.complaints,
  };
}

async function peerOf(scope, server, name) {
  const peer = Peer.start(scope, `${server.origin}/meet`, { name, record: true, args: ["--commands"] });
  const isIn = (type) => (event) => event.type === "call" && event.event.type === "state" && event.event.state.type === type;
  return {
    signaling: {},
    waits: () => peer.event(isIn("queued"), "to wait"),
    sees: () => peer.sees(),
    selects: (test) => selects(name, async () => peer.stats().at(-1), test),
    consents: async () => peer.command({ type: "consent" }),
    hearsOfWish: () => peer.event((event) => isIn("in_room")(event) && event.event.state.consent === "other", "to hear of the wish"),
    shows: () => peer.event((event) => isIn("in_room")(event) && event.event.state.consent === "both", "to hear of both"),
    goesOn: async () => peer.command({ type: "next" }),
    watch: async (seconds) => {
      const stop = peer.recording.watch();
      await observe(seconds * 1000);
      return stop();
    },
    complaints: () => [],
  };
}

/** Both ends of the selected pair are of such a kind. */
function selects(name, stats, test) {
  return until(STATS_LIMIT_MS, `${name} to select another pair`, async () => {
    const pair = (await stats())?.peers[0]?.candidate_pair;
    return pair != null && test(pair.local) && test(pair.remote);
  });
}
