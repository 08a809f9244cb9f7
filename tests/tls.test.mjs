/** Two browser tabs are in a call over the server's own TLS, with all that it tells browsers. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Certificate } from "./support/certificate.mjs";
import { checkPicture } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

const SECONDS = 10;

test("two browser tabs call over TLS, and the page does what it is allowed to", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const { folder } = scope;
  const certificate = await Certificate.make(scope, folder);
  const config = join(folder, "server.toml");
  writeFileSync(config, `[tls]\ncertificate = "${certificate.file}"\nkey = "${certificate.key}"\n`);
  const server = await Server.start(scope, { args: ["--config", config] });
  assert.match(server.origin, /^https:/);

  const link = server.room();
  const ada = await Tab.open(scope, link, { name: "Ada", trusts: certificate });
  /** @type {string[]} */
  const sockets = [];
  ada.page.on("websocket", (socket) => sockets.push(socket.url()));
  const answer = await ada.page.reload();
  const headers = answer?.headers() ?? {};
  assert.equal(headers["strict-transport-security"], "max-age=31536000");
  assert.equal(headers["cross-origin-opener-policy"], "same-origin");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["referrer-policy"], "no-referrer");
  assert.match(headers["permissions-policy"], /camera=\(self\), microphone=\(self\), display-capture=\(self\)/);
  for (const directive of ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"]) {
    assert.ok(headers["content-security-policy"].split(/; */).includes(directive), directive);
  }
  await ada.inRoom();
  assert.deepEqual(sockets, [server.webSocket]);
  assert.match(server.webSocket, /^wss:/);

  const bob = await Tab.open(scope, link, { name: "Bob", trusts: certificate });
  const tabs = [ada, bob];
  await Promise.all(tabs.map((tab) => tab.sees()));
  const seen = await Promise.all(tabs.map((tab) => tab.watch(SECONDS)));
  for (const [index, tab] of tabs.entries()) {
    checkPicture(t, tab.name, seen[index].picture, { seconds: SECONDS });
    assert.deepEqual(tab.complaints, [], "no header is in the page's way");
  }

  // What the policy is for: a script that got into the page reaches nobody else, and adds none to it.
  const refused = await ada.page.evaluate(async () => {
    const broken = (/** @type {() => Promise<unknown>} */ attempt) => attempt().then(() => "done", () => "refused");
    const script = () =>
      new Promise((resolve, reject) => {
        const element = document.createElement("script");
        element.append("window.intruder = true");
        document.head.append(element);
        if ("intruder" in window) resolve(true);
        else reject(new Error("it did not run"));
      });
    return {
      fetch: await broken(() => fetch("https://other.example/")),
      script: await broken(script),
    };
  });
  assert.deepEqual(refused, { fetch: "refused", script: "refused" });
});
