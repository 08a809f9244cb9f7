import { createHmac } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program } from "./process.mjs";
import { Server } from "./server.mjs";
import { RawSocket } from "./websocket.mjs";

const RUN_LIMIT_MS = 60_000;

/** @typedef {{ username: string, credential: string }} Credentials */

/**
 * A server that relays on a free port.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {{ listen?: string, settings?: string, limits?: string }} [options] `settings`, `limits`: lines of `[turn]` and
 *   `[turn.limits]`
 */
export async function startRelay(scope, { listen = "127.0.0.1", settings = "", limits = "" } = {}) {
  const file = join(scope.folder, `relay-${listen.replace(/\W/g, "-")}.toml`);
  const address = listen.includes(":") ? `[${listen}]:0` : `${listen}:0`;
  const turn = `[turn]\nenabled = true\nlisten = "${address}"\n${settings}\n[turn.limits]\n${limits}\n`;
  writeFileSync(file, turn);
  return Server.start(scope, { args: ["--config", file] });
}

/**
 * What a new session is told of the relay.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {Server} server
 * @returns {Promise<Credentials & { port: number, urls: string[] }>}
 */
export async function relayOf(scope, server) {
  const socket = await RawSocket.connect(scope, server.webSocket);
  socket.send({ type: "hello", payload: { protocol: 1, client: "turn" } });
  const { payload } = await socket.next();
  const { urls, username, credential } = payload.ice_servers.find((it) => it.username !== undefined);
  return { urls, username, credential, port: Number(/:(\d+)\?/.exec(urls[0])[1]) };
}

/** Credentials as somebody makes them who knows the secret. @returns {Credentials} */
export function mint(secret, id, expiresUnixS) {
  const username = `${expiresUnixS}:${id}`;
  return { username, credential: createHmac("sha1", secret).update(username).digest("base64") };
}

/** A peer on no relay, that says again what it hears. @returns {Promise<number>} its port */
export async function startEcho(scope, address) {
  const socket = createSocket("udp4");
  socket.on("message", (data, { port, address: from }) => socket.send(data, port, from));
  socket.bind(0, address);
  await once(socket, "listening");
  scope.defer(() => socket.close());
  return socket.address().port;
}

/**
 * Runs coturn's client to its end, with these credentials.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {Credentials & { port: number, server?: string }} relay
 * @param {string[]} args
 * @returns {Promise<{ sent: number, received: number, challenged: boolean, refusals: number[], output: string }>}
 *   messages; whether it was
 *   asked for its credentials until it gave up, and the codes of other errors, each once
 */
export async function runClient(scope, { username, credential, port, server = "127.0.0.1" }, args) {
  const access = ["-u", username, "-w", credential, "-p", String(port)];
  const program = new Program(scope, "turnutils_uclient", ["-v", "-c", ...access, ...args, server], { name: "uclient" });
  await program.ended(RUN_LIMIT_MS);
  const output = program.lines.join("\n");
  const totals = [...output.matchAll(/tot_send_msgs=(\d+), tot_recv_msgs=(\d+)/g)].at(-1) ?? [0, 0, 0];
  return {
    output,
    sent: Number(totals[1]),
    received: Number(totals[2]),
    // It prints no code of a challenge, however often one is repeated.
    challenged: output.includes("Cannot complete Allocation") && !output.includes("error"),
    refusals: [...new Set([...output.matchAll(/error (\d{3})/g)].map(([, code]) => Number(code)))],
  };
}
