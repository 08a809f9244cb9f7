/** The files of deploy/: right by the tools that they are for, and in step with the server and with each other. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { SERVER } from "./support/binaries.mjs";
import { until } from "./support/deadline.mjs";
import { Program } from "./support/process.mjs";
import { Scope } from "./support/scope.mjs";
import { mint, runClient, startEcho } from "./support/turn.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DOCKER = join(ROOT, "deploy/docker");
const CHART = join(ROOT, "deploy/helm/visavis");
const UNIT = join(ROOT, "deploy/systemd/visavis-server.service");
/** A Python that has what stands in deploy.requirements.txt; `cargo xtask test` makes one. */
const PYTHON = process.env.VISAVIS_TEST_PYTHON ?? join(ROOT, "target/test-python/bin/python");
/** Of `systemd-analyze security`, ten times what it prints: 0 is the best, 100 the worst. */
const EXPOSURE_LIMIT = 16;
const SECRET = "0123456789abcdef0123456789abcdef";
const VARIABLES = {
  DOMAIN: "calls.example.org",
  CONTACT: "you@example.org",
  PUBLIC_IP: "203.0.113.7",
  TURN_SECRET: `turn-${SECRET}`,
  GUEST_KEY: `guest-${SECRET}`,
  ADMIN_TOKEN: `admin-${SECRET}`,
  GRAFANA_PASSWORD: "of grafana",
};
/** Everything on that a chart can have. */
const ALL_VALUES = {
  replicaCount: 2,
  secretConfig: { cluster: { redis: "redis://redis" } },
  env: [{ name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "http://collector:4318" }],
  autoscaling: { enabled: true },
  ingress: { enabled: true, className: "nginx" },
  networkPolicy: { ingressFrom: [{ namespaceSelector: {} }], adminFrom: [{ podSelector: {} }] },
  persistence: { enabled: true },
  serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
  turn: { enabled: true, publicAddress: "203.0.113.7" },
};

const read = (...path) => readFileSync(join(...path), "utf8");
/** The value of `key = "…"` or `key: …` in a text. */
const valueOf = (text, pattern) => pattern.exec(text)?.[1] ?? assert.fail(`no ${pattern}`);
const seconds = (text) => Number(/^(\d+)s$/.exec(text)?.[1]);
const asNumbers = (version) => version.split(".").map(Number);

/** What `support/deploy.py` says. */
function deploy(task, path, given) {
  const helper = join(ROOT, "tests/support/deploy.py");
  const { status, stdout, stderr } = spawnSync(PYTHON, [helper, task, path, JSON.stringify(given)], { encoding: "utf8" });
  assert.equal(status, 0, `${PYTHON}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Fails unless it was right. */
function right(told) {
  assert.equal(told.error, undefined);
  return told;
}

const compose = (variables = VARIABLES) => deploy("compose", join(DOCKER, "compose.yaml"), variables);
const chart = (values) => deploy("chart", CHART, values);

/** What the server says that holds, with this file. */
function settings(scope, text) {
  const file = join(scope.folder, "visavis.toml");
  writeFileSync(file, text, { mode: 0o600 });
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VISAVIS_")));
  const ask = (...args) => {
    const { status, stdout, stderr } = spawnSync(SERVER, ["--config", file, ...args], { encoding: "utf8", env: clean });
    assert.equal(status, 0, `${stderr}\n${text}`);
    return stdout;
  };
  const ports = ask("ports").trim().split("\n").slice(1);
  return {
    text: ask("--print-config"),
    /** Such as `443/tcp`. */
    ports: ports.map((line) => line.split(/\s+/).slice(0, 2).join("/")),
  };
}

const drainOf = (printed) => Number(valueOf(printed, /^drain_s = ([\d.]+)$/m));
const only = (documents, kind) => documents.filter((document) => document.kind === kind);
const one = (documents, kind) => {
  const found = only(documents, kind);
  assert.equal(found.length, 1, kind);
  return found[0];
};

test("the unit is one that systemd understands, and shuts the server in", (t) => {
  const scope = new Scope(t);
  // It is verified with a program that is there.
  const unit = join(scope.folder, "visavis-server.service");
  writeFileSync(unit, read(UNIT).replace("/usr/local/bin/visavis-server", SERVER));
  const verified = spawnSync("systemd-analyze", ["verify", unit], { encoding: "utf8" });
  assert.deepEqual([verified.status, verified.stderr], [0, ""]);
  const args = ["security", "--offline=true", `--threshold=${EXPOSURE_LIMIT}`, unit];
  const judged = spawnSync("systemd-analyze", args, { encoding: "utf8" });
  const verdict = judged.stdout.trim().split("\n").at(-1);
  t.diagnostic(verdict);
  assert.equal(judged.status, 0, verdict);
  assert.match(read(UNIT), /^Type=notify$/m);
});

test("the image is built as its linter wants, from files that are there", (t) => {
  const hadolint = join(dirname(PYTHON), "hadolint");
  const { status, stdout, stderr, error } = spawnSync(hadolint, [join(DOCKER, "Dockerfile")], { encoding: "utf8" });
  assert.deepEqual([error, status, stdout, stderr], [undefined, 0, "", ""]);
  const dockerfile = read(DOCKER, "Dockerfile");
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, words]) => words.split(" ").slice(0, -1));
  assert.ok(copied.length > 5, copied.join());
  for (const path of copied) assert.ok(existsSync(join(ROOT, path)), path);
});

test("the image's first layers have all that cargo needs, and nothing of what is left out", (t) => {
  const scope = new Scope(t);
  const [context, skeleton] = ["context", "skeleton"].map((name) => join(scope.folder, name));
  const patterns = read(ROOT, ".dockerignore").split("\n").filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  const git = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ...patterns];
  const files = execFileSync("git", git, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 }).split("\0");
  for (const file of files.filter((it) => /(^|\/)(Cargo\.(toml|lock)|skeleton\.sh)$/.test(it) && existsSync(join(ROOT, it)))) {
    mkdirSync(join(context, dirname(file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(context, file));
  }
  execFileSync(join(context, "deploy/docker/skeleton.sh"), [context, skeleton]);
  const host = valueOf(execFileSync("rustc", ["-vV"], { encoding: "utf8" }), /^host: (.+)$/m);
  const args = ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", host];
  const { packages } = JSON.parse(execFileSync("cargo", args, { cwd: skeleton, encoding: "utf8", maxBuffer: 1 << 28 }));
  const server = packages.find(({ name }) => name === "visavis-server");
  // Those that the Dockerfile cleans and copies are all that is ours in the server.
  const ours = server.dependencies.filter(({ source, kind }) => source === null && kind === null).map(({ name }) => name);
  const dockerfile = read(DOCKER, "Dockerfile");
  for (const name of ["visavis-server", ...ours]) assert.match(dockerfile, new RegExp(`clean.*--package ${name}\\b`), name);
  assert.deepEqual(ours.toSorted(), ["visavis-protocol", "visavis-turn-framing"]);
  for (const name of ours) {
    const folder = name.replace("visavis-", "crates/");
    assert.ok(dockerfile.includes(`\nCOPY ${folder} ${folder}\n`), folder);
  }
});

test("versions are the same everywhere, and none is whatever is newest", () => {
  const workspace = read(ROOT, "Cargo.toml");
  const version = valueOf(workspace, /^version = "(.+)"$/m);
  const about = read(CHART, "Chart.yaml");
  assert.equal(valueOf(about, /^appVersion: (.+)$/m), version);
  const services = Object.values(right(compose()).services);
  const images = services.map(({ image }) => image);
  assert.ok(images.includes(`visavis-server:${version}`), images.join());
  for (const image of images) assert.match(image, /^[\w/.-]+:v?\d[\w.-]*$/, image);

  const dockerfile = read(DOCKER, "Dockerfile");
  const argument = (name) => asNumbers(valueOf(dockerfile, new RegExp(`^ARG ${name}=(.+)$`, "m")));
  const atLeast = ([major, minor = 0], [wantedMajor, wantedMinor = 0]) =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  assert.ok(atLeast(argument("RUST"), asNumbers(valueOf(workspace, /^rust-version = "(.+)"$/m))));
  const { node } = JSON.parse(read(ROOT, "ui/package.json")).engines;
  assert.ok(atLeast(argument("NODE"), asNumbers(node.replace(">=", ""))));
});

test("the image's own settings are the server's, on the ports that it exposes", (t) => {
  const { text, ports } = settings(new Scope(t), read(DOCKER, "visavis.toml"));
  const exposed = valueOf(read(DOCKER, "Dockerfile"), /^EXPOSE (.+)$/m).split(" ");
  assert.deepEqual(ports, exposed);
  // What the comment says of docker stop.
  assert.ok(drainOf(text) < 40);
});

test("the compose file says what it means, and needs what its example has", () => {
  const document = right(compose());
  const example = [...read(DOCKER, ".env.example").matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
  assert.deepEqual(example.toSorted(), Object.keys(VARIABLES).toSorted());
  const given = example.filter((name) => name !== "GRAFANA_PASSWORD");
  for (const name of given) {
    const { error } = compose({ ...VARIABLES, [name]: "" });
    assert.match(error ?? "", new RegExp(`^${name}\\b`), `${name} is missing`);
  }
  assert.equal(document.secrets.grafana_password.environment, "GRAFANA_PASSWORD");

  for (const [name, service] of Object.entries(document.services)) {
    assert.equal(service.restart, "unless-stopped", name);
    assert.deepEqual(service.cap_drop, ["ALL"], name);
    assert.ok(service.healthcheck !== undefined || name === "server", `${name}: the server's is in its image`);
    const files = [...(service.configs ?? []), ...(service.secrets ?? [])];
    assert.ok(!service.read_only || files.length === 0, `${name}: Compose could not copy them`);
    const folders = (service.volumes ?? []).map((volume) => volume.split(":")[0]);
    for (const folder of folders) {
      assert.ok(folder.startsWith(".") ? existsSync(join(DOCKER, folder)) : folder in document.volumes, `${name}: ${folder}`);
    }
  }
});

test("what compose gives the server is understood, and has the relay's secret", (t) => {
  const document = right(compose());
  const { text, ports } = settings(new Scope(t), document.configs.server.content);
  assert.deepEqual(ports, ["443/tcp", "80/tcp", "9464/tcp"]);
  const published = document.services.server.ports.map((port) => port.split(":")[1]);
  assert.deepEqual(published.map((port) => `${port}/tcp`).toSorted(), ["443/tcp", "80/tcp"], "operators' port is not");
  assert.ok(drainOf(text) < seconds(document.services.server.stop_grace_period));
  for (const content of [document.configs.server.content, document.configs.coturn.content]) {
    assert.ok(content.includes(VARIABLES.TURN_SECRET));
  }
  const port = valueOf(document.configs.coturn.content, /^listening-port=(\d+)$/m);
  assert.match(text, new RegExp(`"turn:calls\\.example\\.org:${port}\\?transport=udp"`));
  assert.match(read(DOCKER, "prometheus.yml"), /targets: \["server:9464"\]/);
});

test("coturn takes the settings that compose gives it, and refuses addresses that are not of the internet", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const { content } = right(compose()).configs.coturn;
  // Its own port, on this machine alone.
  const probe = createSocket("udp4").bind(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  const file = join(scope.folder, "turnserver.conf");
  const here = [`listening-port=${port}`, "listening-ip=127.0.0.1", "relay-ip=127.0.0.1", `pidfile=${join(scope.folder, "pid")}`];
  const kept = content.split("\n").filter((line) => !/^(listening-port|external-ip|pidfile)=/.test(line));
  writeFileSync(file, [...kept, ...here].join("\n"));
  const server = new Program(scope, "turnserver", ["-c", file]);
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  await until(10_000, "coturn's socket", () => readFileSync("/proc/net/udp", "utf8").includes(local));
  const credentials = mint(VARIABLES.TURN_SECRET, "owl", Math.floor(Date.now() / 1000) + 3_600);
  const echo = await startEcho(scope, "127.0.0.1");
  const args = ["-n", "1", "-e", "127.0.0.1", "-r", String(echo)];
  const good = await runClient(scope, { ...credentials, port }, args);
  assert.deepEqual([good.challenged, good.received, good.refusals], [false, 0, [403]]);
  const forged = await runClient(scope, { ...mint("another", "owl", 2e9), port }, args);
  assert.equal(forged.challenged, true);

  // It says what it read when it ends.
  await server.end();
  assert.ok(server.lines.some((line) => line.endsWith(`realm: ${VARIABLES.DOMAIN}`)), "it read the file");
  assert.deepEqual(server.lines.filter((line) => line.includes("Bad configuration")), []);
});

test("the chart makes what Kubernetes takes, of little and of everything", () => {
  const kinds = (documents) => [...new Set(documents.map(({ kind }) => kind))].toSorted();
  assert.deepEqual(kinds(right(chart({}))), [
    ...["ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"],
  ]);
  assert.deepEqual(kinds(right(chart(ALL_VALUES))), [
    ...["Deployment", "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PersistentVolumeClaim"],
    ...["PodDisruptionBudget", "Secret", "Service", "ServiceAccount", "ServiceMonitor"],
  ]);
});

test("the chart refuses what would not work", () => {
  assert.match(chart({ replicaCount: 2 }).error, /config\.cluster\.redis/);
  assert.match(chart({ autoscaling: { enabled: true } }).error, /config\.cluster\.redis/);
  assert.match(chart({ turn: { enabled: true } }).error, /turn\.publicAddress/);
  const many = { enabled: true, publicAddress: "203.0.113.7", relayPorts: { first: 40_000, last: 65_535 } };
  assert.match(chart({ turn: many }).error, /1 to 200 ports/);
  assert.match(chart({ replicas: 2 }).error, /'replicas' not allowed/);
  assert.match(chart({ image: { tag: "latest" } }).error, /tag/);
});

test("the chart's settings are the server's, on the ports that it opens, with time to drain", (t) => {
  const scope = new Scope(t);
  const config = { rooms: { size: 6, door: "lobby" }, matching: { enabled: true, widen_s: 2.5 }, timing: { drain_s: 300 } };
  const documents = right(chart({ config }));
  const { text, ports } = settings(scope, one(documents, "ConfigMap").data["visavis.toml"]);
  assert.match(text, /^size = 6$/m);
  assert.match(text, /^widen_s = 2\.5$/m);
  const { spec } = one(documents, "Deployment").spec.template;
  const [container] = spec.containers;
  const opened = container.ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol.toLowerCase()}`);
  assert.deepEqual(ports, opened);
  assert.equal(drainOf(text), 300);
  assert.ok(spec.terminationGracePeriodSeconds > 300);
  for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    assert.equal(container[probe].httpGet.port, "admin");
  }
  assert.equal(container.image, `ghcr.io/visavis/visavis-server:${valueOf(read(CHART, "Chart.yaml"), /^appVersion: (.+)$/m)}`);
  assert.equal(String(spec.securityContext.runAsUser), valueOf(read(DOCKER, "Dockerfile"), /^ARG UID=(\d+)$/m));
});

test("the chart's relay is on the node's ports, each of them", (t) => {
  const turn = { enabled: true, publicAddress: "203.0.113.7", relayPorts: { first: 50_000, last: 50_009 } };
  const documents = right(chart({ turn }));
  const { ports } = settings(new Scope(t), one(documents, "ConfigMap").data["visavis.toml"]);
  assert.ok(ports.includes("3478/both") && ports.includes("50000-50009/udp"), ports.join());
  const { containers } = one(documents, "Deployment").spec.template.spec;
  const onNode = containers[0].ports.filter(({ hostPort }) => hostPort !== undefined);
  assert.equal(onNode.length, 12);
  assert.ok(onNode.every(({ hostPort, containerPort }) => hostPort === containerPort));
  assert.equal(one(documents, "Deployment").spec.strategy.type, "Recreate", "two cannot have them");
});

test("what is secret in the chart is in a Secret, and nowhere else", (t) => {
  const secretConfig = { access: { guest_key: SECRET }, admin: { token: `admin-${SECRET}` } };
  const documents = right(chart({ secretConfig }));
  const file = one(documents, "Secret").stringData["visavis.toml"];
  assert.ok(file.includes(SECRET));
  settings(new Scope(t), file);
  const others = documents.filter(({ kind }) => kind !== "Secret");
  assert.ok(!JSON.stringify(others).includes(SECRET));
  assert.equal(only(documents, "ConfigMap").length, 0);
  const own = right(chart({ existingSecret: "mine" }));
  assert.equal(one(own, "Deployment").spec.template.spec.volumes[0].secret.secretName, "mine");
  assert.equal(only(own, "Secret").length + only(own, "ConfigMap").length, 0);
});

test("Grafana finds the dashboard and its data where compose puts them", () => {
  const { grafana } = right(compose()).services;
  const provider = read(DOCKER, "grafana/provisioning/dashboards/visavis.yaml");
  const mounts = grafana.volumes.map((volume) => volume.split(":"));
  const [folder] = mounts.find(([, target]) => target === valueOf(provider, /path: (.+)$/m));
  const dashboard = JSON.parse(read(DOCKER, folder, "visavis.json"));
  const source = read(DOCKER, "grafana/provisioning/datasources/prometheus.yaml");
  assert.equal(dashboard.templating.list.find(({ type }) => type === "datasource").query, valueOf(source, /type: (.+)$/m));
  assert.equal(valueOf(source, /url: (.+)$/m), "http://prometheus:9090");
});
