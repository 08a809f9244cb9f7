import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { artefactPath } from "./artefacts.mjs";
import { CAMERA_FEED, CAMERA_PROBE, PEER, SERVER } from "./binaries.mjs";
import { Program, run } from "./process.mjs";

const SOURCE = fileURLToPath(new URL("../camera-vm", import.meta.url));
const CACHE = fileURLToPath(new URL("../../target/camera-vm", import.meta.url));
const PREPARE_LIMIT_MS = 300_000;
const RUN_LIMIT_MS = 150_000;

/**
 * Boots a virtual machine with cameras, runs `camera-vm/guest` in it with the host's programs, and gives the folder with
 * what that wrote.
 *
 * The machine is emulated in software, about ten times slower than its host: that runs everywhere.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @returns {Promise<string>}
 */
export async function runInCameraMachine(scope) {
  await run(scope, join(SOURCE, "prepare"), [CACHE], { limitMs: PREPARE_LIMIT_MS });
  const out = join(scope.folder, "camera-vm");
  mkdirSync(out);
  scope.defer(() => cpSync(out, artefactPath("camera-vm"), { recursive: true }));
  const programs = Object.entries({ SERVER, PEER, FEED: CAMERA_FEED, PROBE: CAMERA_PROBE });
  const settings = programs.map(([name, path]) => `${name}='${path}'\n`).join("");
  writeFileSync(join(out, "guest"), settings + readFileSync(join(SOURCE, "guest"), "utf8"));

  const share = (id, path, more) => ["-fsdev", `local,id=${id},path=${path},security_model=none${more}`];
  const mount = (id) => ["-device", `virtio-9p-pci,fsdev=${id},mount_tag=${id}`];
  const machine = new Program(
    scope,
    "qemu-system-x86_64",
    [
      ...["-accel", "tcg", "-cpu", "max", "-M", "q35", "-smp", "2", "-m", "2048"],
      ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
      ...["-kernel", join(CACHE, "vmlinuz"), "-initrd", join(CACHE, "initrd.zst")],
      ...["-append", "console=ttyS0 quiet panic=-1 mitigations=off"],
      ...share("host", "/", ",readonly=on,multidevs=remap"),
      ...mount("host"),
      ...share("out", out, ""),
      ...mount("out"),
      ...["-device", "virtio-rng-pci"],
    ],
    { name: "the camera machine" },
  );
  const { code } = await machine.ended(RUN_LIMIT_MS);
  const status = code === 0 ? readFileSync(join(out, "status"), "utf8").trim() : `machine ${code}`;
  if (status !== "0") {
    throw new Error(`the camera machine ended with ${status}\n${machine.lines.join("\n")}\n${machine.errors}`);
  }
  return out;
}
