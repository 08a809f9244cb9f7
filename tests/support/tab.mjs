import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { artefactPath, keep } from "./artefacts.mjs";
import { within } from "./deadline.mjs";
import { TONE_HZ } from "./tone.mjs";

const BROWSER = process.env.VISAVIS_CHROMIUM_BIN ?? "/usr/bin/chromium";
const SIZE = { width: 1280, height: 800 };
const PAGE_LIMIT_MS = 20_000;
/** Time between two looks at the sound; the page analyses the last 170 ms. */
const SOUND_INTERVAL_MS = 200;

/**
 * The UI in a browser of its own, through the controls and the probe that it offers.
 */
export class Tab {
  /** @param {import("playwright-core").Page} page */
  constructor(page, name) {
    this.page = page;
    this.name = name;
    /** What the page complained about. @type {string[]} */
    this.complaints = [];
    /** What the server said, and what was said to it, as it came. @type {{ heard: string[], said: string[] }} */
    this.signaling = { heard: [], said: [] };
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => this.signaling.heard.push(String(payload)));
      socket.on("framesent", ({ payload }) => this.signaling.said.push(String(payload)));
    });
    page.setDefaultTimeout(PAGE_LIMIT_MS);
    page.on("pageerror", (error) => this.complaints.push(error.stack ?? error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
  }

  /**
   * Opens an invite link.
   *
   * @param {import("./scope.mjs").Scope} scope
   * @param {string} link
   * @param {{ name?: string, camera?: string, microphone?: string, join?: boolean, video?: string, sound?: string,
   *   init?: (given: any) => void, initWith?: unknown, namespace?: string, sounds?: SoundServer, display?: string,
   *   trusts?: import("./certificate.mjs").Certificate }}
   *   [options] `join`: enter the room at once, which only synthetic devices may; `video`, `sound`: files that the
   *   browser takes for its camera and its microphone; `init`: runs in the page before anything else, and is given
   *   `initWith`; `namespace`: the network namespace to run in, where the page's origin needs no encryption to be trusted;
   *   `sounds`: the sound server that it plays to; `display`: an X11 display to be on, out of sight, and to share the
   *   whole of when it is asked to share; `trusts`: a certificate that it takes without an authority
   */
  static async open(scope, link, options = {}) {
    const { name = "Tab", camera = "pattern", microphone = "tone", join = true, video, sound, init, initWith, namespace } = options;
    const { sounds, display, trusts } = options;
    const browser = await chromium.launch({
      executablePath: namespace === undefined ? BROWSER : browserIn(scope, namespace),
      headless: display === undefined,
      env: { ...process.env, ...sounds?.env, ...(display !== undefined && { DISPLAY: display }) },
      ignoreDefaultArgs: sounds === undefined ? [] : ["--mute-audio"],
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        ...(display === undefined ? withoutDisplay() : outOfSight()),
        ...(video === undefined ? [] : [`--use-file-for-fake-video-capture=${video}`]),
        ...(sound === undefined ? [] : [`--use-file-for-fake-audio-capture=${sound}`]),
        ...(namespace === undefined ? [] : foreignOrigin(link)),
        ...(trusts === undefined ? [] : [`--ignore-certificate-errors-spki-list=${trusts.publicKeyHash}`]),
      ],
    });
    scope.defer(() => browser.close());
    const tab = new Tab(await browser.newPage({ viewport: SIZE }), name);
    scope.defer(() => {
      if (tab.complaints.length > 0) keep(`${name}-console.txt`, tab.complaints.join("\n"));
    });
    if (init !== undefined) await tab.page.addInitScript(init, initWith);
    const query = new URLSearchParams({ name, camera, microphone, probe: "1", ...(join && { join: "1" }) });
    const url = new URL(link);
    url.search = query.toString();
    await tab.page.goto(url.href);
    await tab.page.waitForFunction(() => window.visavis !== undefined);
    return tab;
  }

  /** Enters the room as a person does. */
  async join() {
    await this.page.getByLabel("Your name").fill(this.name);
    await this.page.getByRole("button", { name: "Join" }).click();
  }

  /** In the room, alone or not. */
  async inRoom() {
    await this.page.getByRole("button", { name: "Leave" }).waitFor();
    await this.page.waitForFunction(() => window.visavis.stats()?.milestones.joined_ms != null);
  }

  /** Pictures of another participant come. */
  async sees() {
    await this.page.waitForFunction(() => window.visavis.streams().some(({ type }) => type === "participant"));
  }

  /**
   * The pictures and the sound that arrive in a while.
   *
   * @returns {Promise<{ picture: import("./y4m.mjs").Seen, tone: number }>} `tone`: share of the while in which the
   *   strongest frequency heard is the tone's
   */
  async watch(seconds) {
    const watched = this.page.evaluate(watchInPage, { durationMs: seconds * 1000, intervalMs: SOUND_INTERVAL_MS });
    const { picture, tones } = await within(seconds * 1000 + PAGE_LIMIT_MS, `${this.name} to watch`, watched);
    return { picture: arrivals(picture), tone: tones.filter(isTone).length / tones.length };
  }

  /** Another participant's screen is shown, or not. */
  async seesScreen(shown = true) {
    const tile = this.page.getByRole("figure", { name: /'s screen$/ });
    await tile.waitFor({ state: shown ? "visible" : "detached" });
  }

  /** The pictures of another participant's screen that arrive in a while. @returns {Promise<import("./y4m.mjs").Seen>} */
  async watchScreen(seconds) {
    const watched = this.page.evaluate(watchScreenInPage, seconds * 1000);
    return arrivals(await within(seconds * 1000 + PAGE_LIMIT_MS, `${this.name} to watch a screen`, watched));
  }

  /** The latest sample of `ui/src/generated/CallStats.ts`. */
  stats() {
    return this.page.evaluate(() => window.visavis.stats());
  }

  async leave() {
    await this.page.getByRole("button", { name: "Leave" }).click();
  }

  /** For how long each picture on the page has been shown without beginning anew, in seconds. */
  async shownSeconds() {
    return await this.page.evaluate(() => [...document.querySelectorAll("video")].map(({ currentTime }) => currentTime));
  }

  /** Keeps what it looks like. */
  async screenshot(name) {
    await this.page.screenshot({ path: artefactPath(name) });
  }
}

/**
 * Runs in the page, which may be the tab's or the desktop window's.
 *
 * @returns {Promise<{ picture: import("../../ui/src/probe.ts").SeenFrames,
 *   tones: (import("../../ui/src/probe.ts").Tone | undefined)[] }>}
 */
export async function watchInPage({ durationMs, intervalMs }) {
  const probe = window.visavis;
  const stream = probe.streams().find(({ type }) => type === "participant");
  const tones = [];
  probe.tone();
  const timer = setInterval(() => tones.push(probe.tone()), intervalMs);
  const picture = await probe.watch(stream, durationMs);
  clearInterval(timer);
  return { picture, tones };
}

/** Runs in the page. @returns {Promise<import("../../ui/src/probe.ts").SeenFrames>} */
export function watchScreenInPage(durationMs) {
  const probe = window.visavis;
  return probe.watch(probe.streams().find(({ type }) => type === "screen"), durationMs);
}

/** Adds when frames arrived, from when they were drawn and how long they took. */
export function arrivals({ count, frames }) {
  const seen = frames.map(({ frame, time, delayMs }) => ({ frame, delayMs, arrivedMs: time / 10 + delayMs }));
  return { count, frames: seen, arrivalsMs: seen.map(({ arrivedMs }) => arrivedMs) };
}

/** A program that runs the browser in a network namespace. */
function browserIn(scope, namespace) {
  const path = join(scope.folder, `chromium-in-${namespace}`);
  writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${namespace} ${BROWSER} "$@"\n`, { mode: 0o755 });
  return path;
}

/** With the browser's own devices, and nobody to ask for them. */
function withoutDisplay() {
  return ["--headless=new", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"];
}

/** Beside the display, and awake all the same. */
function outOfSight() {
  return [
    "--window-position=4000,0",
    "--auto-select-desktop-capture-source=Entire screen",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
  ];
}

/** Devices for a page that comes neither from this host nor encrypted; no names of hosts that only multicast resolves. */
function foreignOrigin(link) {
  return [
    `--unsafely-treat-insecure-origin-as-secure=${new URL(link).origin}`,
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--no-proxy-server",
  ];
}

function isTone(tone) {
  return tone !== undefined && tone !== null && tone.level > 0.005 && Math.abs(tone.frequencyHz - TONE_HZ) < 10;
}
