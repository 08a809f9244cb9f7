/** The server gets its certificate from an authority that speaks ACME, proves that the name is its own, and keeps it. */

import assert from "node:assert/strict";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { SERVER } from "./support/binaries.mjs";
import { Certificate } from "./support/certificate.mjs";
import { until } from "./support/deadline.mjs";
import { Program } from "./support/process.mjs";
import { Scope } from "./support/scope.mjs";

const DOMAIN = "calls.example";
/** It looks again at an order after a second, and after a failure in growing pauses. */
const ISSUE_LIMIT_MS = 60_000;

test("the server gets a certificate from an ACME authority and keeps it", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const { folder } = scope;
  const [https, directory, management, dns, dnsManagement] = await freePorts(5);
  const authority = await Certificate.make(scope, folder);
  const pebble = {
    listenAddress: `127.0.0.1:${directory}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: authority.file,
    privateKey: authority.key,
    httpPort: 1,
    tlsPort: https,
  };
  writeFileSync(join(folder, "pebble.json"), JSON.stringify({ pebble }));
  const names = ["-dns01", `127.0.0.1:${dns}`, "-management", `127.0.0.1:${dnsManagement}`, "-defaultIPv6", ""];
  new Program(scope, "pebble-challtestsrv", [...names, "-http01", "", "-https01", "", "-tlsalpn01", ""]);
  const args = ["-config", join(folder, "pebble.json"), "-dnsserver", `127.0.0.1:${dns}`, "-strict"];
  const pebbleProgram = new Program(scope, "pebble", args, { env: { PEBBLE_VA_NOSLEEP: "1" } });
  await pebbleProgram.line((line) => line.includes("ACME directory available"), "the authority", 10_000);

  const cache = join(folder, "cache");
  writeFileSync(
    join(folder, "server.toml"),
    `listen = "127.0.0.1:${https}"
[tls.acme]
domains = ["${DOMAIN}"]
contact = ["ada@calls.example"]
directory = "https://localhost:${directory}/dir"
cache = "${cache}"
roots = "${authority.file}"
`,
  );
  const start = () => new Program(scope, SERVER, ["--config", join(folder, "server.toml")], { name: "server" });
  let server = start();
  await server.line((line) => line === `listening on https://127.0.0.1:${https}`, "its address", 5_000);

  const begun = performance.now();
  const issued = await until(ISSUE_LIMIT_MS, "a certificate", () => shown(https));
  t.diagnostic(`a certificate after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  assert.match(issued.issuer.CN, /^Pebble Intermediate/);
  assert.equal(issued.subjectaltname, `DNS:${DOMAIN}`);
  assert.equal(await status(https), 200);

  assert.equal(statSync(cache).mode & 0o777, 0o700);
  assert.equal(readdirSync(cache).length, 2, "an account and a certificate");

  // Started again, it has the certificate at once, and asks nobody.
  await server.end();
  await pebbleProgram.end();
  server = start();
  await server.line((line) => line.startsWith("listening on https:"), "its address", 5_000);
  const kept = await until(10_000, "the certificate of the last time", () => shown(https));
  assert.equal(kept.serialNumber, issued.serialNumber);
});

/** The certificate for the domain, if there is one yet: without one there is no handshake. */
function shown(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", servername: DOMAIN, rejectUnauthorized: false });
    socket.once("secureConnect", () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.once("error", () => resolve(undefined));
  });
}

function status(port) {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", servername: DOMAIN, path: "/healthz", rejectUnauthorized: false };
    get(options, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).once("error", reject);
  });
}

/** So many ports that nobody listens at. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
