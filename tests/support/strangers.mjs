import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Server } from "./server.mjs";

/**
 * A server that brings strangers together and relays.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {{ relay?: "auto" | "always" | "never", more?: string }} [options] `more`: lines of its configuration
 */
export function startForStrangers(scope, { relay = "auto", more = "" } = {}) {
  const file = join(scope.folder, `strangers-${relay}.toml`);
  const matching = `[matching]\nenabled = true\nrelay = "${relay}"\n`;
  writeFileSync(file, `${matching}[turn]\nenabled = true\nlisten = "127.0.0.1:0"\n${more}`);
  return Server.start(scope, { args: ["--config", file] });
}

/** All candidates in messages, trickled or within descriptions. @param {string[]} messages @returns {string[]} */
export function candidatesIn(messages) {
  return messages.flatMap((message) => {
    const { type, payload } = JSON.parse(message);
    switch (type) {
      case "candidates":
        return payload.candidates.map(({ candidate }) => candidate);
      case "description":
        return payload.description.sdp.match(/candidate:\S.*/g) ?? [];
      default:
        return [];
    }
  });
}

/**
 * The addresses that descriptions give for media (`c=`) and for whoever made them (`o=`), each once.
 *
 * @param {string[]} messages
 * @returns {string[]}
 */
export function addressesIn(messages) {
  const descriptions = messages.map((message) => JSON.parse(message)).filter(({ type }) => type === "description");
  const lines = descriptions.flatMap(({ payload }) => payload.description.sdp.match(/^[co]=.*/gm) ?? []);
  return [...new Set(lines.map((line) => line.trim().split(" ").at(-1)))];
}
