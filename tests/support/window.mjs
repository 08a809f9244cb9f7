import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { artefactPath } from "./artefacts.mjs";
import { APP } from "./binaries.mjs";
import { until, within } from "./deadline.mjs";
import { startDisplay } from "./display.mjs";
import { Program } from "./process.mjs";
import { arrivals, watchInPage } from "./tab.mjs";

const SCREEN = { width: 1600, height: 1000 };
const START_LIMIT_MS = 15_000;
const PAGE_LIMIT_MS = 20_000;
const SCRIPT_LIMIT_MS = 120_000;

/**
 * The desktop app's real window, on a screen of its own, driven through WebKit's WebDriver (W3C WebDriver).
 */
export class DesktopWindow {
  #session;

  /**
   * @param {string} session URL of the WebDriver session
   * @param {number} pid of the app
   */
  constructor(session, pid) {
    this.#session = session;
    this.pid = pid;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {string[]} args of the app
   * @param {{ sounds?: import("./sound.mjs").SoundServer }} [options] the sound server that it uses
   */
  static async open(scope, args, { sounds } = {}) {
    const display = await startDisplay(scope, SCREEN);
    const port = await freePort();
    const env = {
      ...sounds?.env,
      DISPLAY: display,
      TAURI_AUTOMATION: "true",
      TAURI_WEBVIEW_AUTOMATION: "true",
      // Nothing of an earlier run, or of the user's.
      HOME: scope.folder,
      XDG_CONFIG_HOME: `${scope.folder}/config`,
      XDG_DATA_HOME: `${scope.folder}/data`,
      XDG_CACHE_HOME: `${scope.folder}/cache`,
    };
    const driver = new Program(scope, "WebKitWebDriver", ["--host=127.0.0.1", `--port=${port}`], { env });
    const origin = `http://127.0.0.1:${port}`;
    await until(START_LIMIT_MS, "WebKitWebDriver", () => {
      if (driver.exit !== undefined) throw new Error(`WebKitWebDriver ended\n${driver.errors}`);
      return request("GET", `${origin}/status`).then(() => true, () => false);
    });
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": { binary: APP, args } } };
    const created = request("POST", `${origin}/session`, { capabilities });
    const { sessionId } = await within(START_LIMIT_MS, "the app's window", created);
    const session = `${origin}/session/${sessionId}`;
    const children = readFileSync(`/proc/${driver.pid}/task/${driver.pid}/children`, "utf8");
    const window = new DesktopWindow(session, Number.parseInt(children, 10));
    scope.defer(() => window.close());
    await request("POST", `${session}/timeouts`, { script: SCRIPT_LIMIT_MS });
    return window;
  }

  /** What a function gives in the page; it may be asynchronous, and sees nothing but its argument. */
  async evaluate(callback, argument = null) {
    const script = `const [argument, done] = arguments;
      (async () => (${callback})(argument))().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value, error } = await request("POST", `${this.#session}/execute/async`, { script, args: [argument] });
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** In the room, alone or not. */
  async inRoom() {
    await until(PAGE_LIMIT_MS, "the window to be in the room", () =>
      this.evaluate(() => window.visavis?.stats()?.milestones.joined_ms != null),
    );
  }

  /** Pictures of another participant come. */
  async sees() {
    await until(PAGE_LIMIT_MS, "the window to see somebody", () =>
      this.evaluate(() => window.visavis?.streams().some(({ type }) => type === "participant") === true),
    );
  }

  /** The pictures that arrive in a while; the sound goes to the app's speaker. */
  async watch(seconds) {
    const { picture } = await this.evaluate(watchInPage, { durationMs: seconds * 1000, intervalMs: 1000 });
    return { picture: arrivals(picture) };
  }

  /** Another participant's screen is shown, or not. */
  async seesScreen(shown = true) {
    const isShown = () => document.querySelector(`figure[aria-label$="'s screen"]`) !== null;
    await until(PAGE_LIMIT_MS, "a screen", async () => (await this.evaluate(isShown)) === shown);
  }

  /** The latest sample of `ui/src/generated/CallStats.ts`. */
  stats() {
    return this.evaluate(() => window.visavis.stats());
  }

  /** Clicks the button of this accessible name. */
  click(name) {
    return this.clickOn(`button[aria-label="${name}"]`);
  }

  /** Clicks what a CSS selector finds, as soon as it is there. */
  async clickOn(value) {
    const using = "css selector";
    const found = await until(PAGE_LIMIT_MS, value, () =>
      request("POST", `${this.#session}/element`, { using, value }).catch(() => undefined),
    );
    await request("POST", `${this.#session}/element/${Object.values(found)[0]}/click`, {});
  }

  /** Keeps what it looks like. */
  async screenshot(name) {
    writeFileSync(artefactPath(name), Buffer.from(await request("GET", `${this.#session}/screenshot`), "base64"));
  }

  /** Closes the window, which ends the app. */
  async close() {
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) await request("DELETE", session);
  }
}

async function request(method, url, body) {
  const headers = { "content-type": "application/json" };
  const reply = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const { value } = await reply.json();
  if (value?.error) throw new Error(`${method} ${url}: ${value.error}: ${value.message}`);
  return value;
}

/** The driver cannot be told to choose a port itself. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
