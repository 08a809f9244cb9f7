import { chromium } from "playwright-core";
import { PEER } from "./binaries.mjs";
import { until } from "./deadline.mjs";
import { markerWords } from "./marker.mjs";
import { Program, run } from "./process.mjs";

const START_LIMIT_MS = 15_000;
const BROWSER = process.env.VISAVIS_CHROMIUM_BIN ?? "/usr/bin/chromium";
/** Pictures a second of what moves on a screen, and for how long. */
const SCREEN_FRAMES_PER_SECOND = 10;
const SCREEN_FRAMES = 3000;

/**
 * An X11 display that nobody looks at.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {{ width: number, height: number }} size
 * @returns {Promise<string>} its name, as for `DISPLAY`
 */
export async function startDisplay(scope, { width, height }) {
  const args = ["-displayfd", "1", "-screen", "0", `${width}x${height}x24`, "-nolisten", "tcp"];
  const screen = new Program(scope, "Xvfb", args);
  return screen.line((line) => /^\d+$/.test(line) && `:${line}`, "its display", START_LIMIT_MS);
}

/**
 * A window that covers a display: text under the readable marker of the test picture, drawn ten times a second.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {string} display
 * @param {{ width: number, height: number }} size of the display
 * @param {string} title
 * @returns {Promise<() => Promise<void>>} closes it
 */
export async function showMarker(scope, display, size, title) {
  const browser = await chromium.launch({
    executablePath: BROWSER,
    headless: false,
    env: { ...process.env, DISPLAY: display },
    args: ["--no-sandbox", "--disable-gpu", "--window-position=0,0", `--window-size=${size.width},${size.height}`],
  });
  scope.defer(() => browser.close());
  const page = await browser.newPage({ viewport: null });
  const session = await page.context().newCDPSession(page);
  const { windowId } = await session.send("Browser.getWindowForTarget");
  await session.send("Browser.setWindowBounds", { windowId, bounds: { windowState: "fullscreen" } });
  const words = Array.from({ length: SCREEN_FRAMES }, (_, frame) => markerWords({ frame, time: 0 }));
  await page.evaluate(drawInPage, { words, title, intervalMs: 1000 / SCREEN_FRAMES_PER_SECOND });
  // The window system hears of a page's title a little later.
  const env = { DISPLAY: display, WAYLAND_DISPLAY: "" };
  await until(START_LIMIT_MS, `a window called ${title}`, async () => {
    return (await run(scope, PEER, ["--list-screens"], { env })).includes(title);
  });
  return () => browser.close();
}

/** Runs in the page. */
function drawInPage({ words, title, intervalMs }) {
  document.title = title;
  document.body.style.margin = "0";
  const canvas = document.createElement("canvas");
  canvas.style.cssText = "position: fixed; inset: 0";
  document.body.append(canvas);
  const context = canvas.getContext("2d");
  let frame = 0;
  setInterval(() => {
    if (canvas.width !== innerWidth || canvas.height !== innerHeight) {
      Object.assign(canvas, { width: innerWidth, height: innerHeight });
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.fillStyle = "#222";
      context.font = "14px monospace";
      for (let y = canvas.height / 4; y < canvas.height; y += 18) {
        context.fillText(`${Math.round(y)} The quick brown fox jumps over the lazy dog. `.repeat(8), 8, y);
      }
    }
    const [width, height] = [Math.floor(canvas.width / 32), Math.floor(canvas.height / 18)];
    words[frame % words.length].forEach((word, row) => {
      for (let column = 0; column < 32; column++) {
        context.fillStyle = (word >>> (31 - column)) & 1 ? "#fff" : "#000";
        context.fillRect(column * width, row * height, width, height);
      }
    });
    frame += 1;
  }, intervalMs);
}
