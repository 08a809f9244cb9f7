import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./deadline.mjs";
import { Program, run } from "./process.mjs";

/**
 * A PulseAudio server of the test's own, with a microphone that sound can be played into and a speaker that can be
 * listened to. Both are channels of one device with one clock, so that a recording of it says how long sound took from
 * the one to the other.
 */
export class SoundServer {
  #scope;
  #program;
  /** Modules of what is plugged in, by name. */
  #plugged = new Map();

  constructor(scope, program, env) {
    this.#scope = scope;
    this.#program = program;
    /** What a program needs to use it. @type {Record<string, string>} */
    this.env = env;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {string} [name] tells it from others of the same test
   */
  static async start(scope, name = "sound") {
    const folder = join(scope.folder, name);
    mkdirSync(folder, { mode: 0o700 });
    const socket = join(folder, "native");
    const config = join(folder, "default.pa");
    const channel = (name, side) => `master=${name} channels=1 channel_map=mono master_channel_map=${side} remix=no`;
    writeFileSync(
      config,
      [
        `load-module module-native-protocol-unix socket=${socket} auth-anonymous=1`,
        "load-module module-null-sink sink_name=air rate=48000 channels=2 channel_map=front-left,front-right",
        `load-module module-remap-sink sink_name=mouth ${channel("air", "front-left")}`,
        `load-module module-remap-sink sink_name=speaker ${channel("air", "front-right")}`,
        `load-module module-remap-source source_name=microphone ${channel("air.monitor", "front-left")}`,
        "set-default-sink speaker",
        "set-default-source microphone",
        "",
      ].join("\n"),
    );
    const cookie = join(folder, "cookie");
    writeFileSync(cookie, Buffer.alloc(256));
    const env = { PULSE_SERVER: `unix:${socket}`, PULSE_RUNTIME_PATH: folder, PULSE_COOKIE: cookie };
    const options = ["-n", "-F", config, "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"];
    options.push("--disable-shm=yes", "--realtime=no", "--high-priority=no");
    const program = new Program(scope, "pulseaudio", options, { env });
    await until(10_000, "the sound server", () => {
      if (program.exit !== undefined) throw new Error(`pulseaudio ended\n${program.errors}`);
      return existsSync(socket);
    });
    return new SoundServer(scope, program, env);
  }

  /** Plugs in a headset of this name, `NAME-microphone` and `NAME-speaker`. The system's choice stays what it was. */
  async plug(name) {
    const modules = [
      ["module-null-sink", `sink_name=${name}-air`, "channels=1", "channel_map=mono"],
      ["module-remap-source", `source_name=${name}-microphone`, `master=${name}-air.monitor`, ...described(`${name}-microphone`)],
      ["module-null-sink", `sink_name=${name}-speaker`, ...described(`${name}-speaker`)],
    ];
    const plugged = [];
    for (const module of modules) plugged.unshift((await this.#control("load-module", ...module)).trim());
    await this.#control("set-default-sink", "speaker");
    await this.#control("set-default-source", "microphone");
    this.#plugged.set(name, plugged);
  }

  /** Pulls it out. */
  async unplug(name) {
    for (const module of this.#plugged.get(name)) await this.#control("unload-module", module);
    this.#plugged.delete(name);
  }

  /** What the one program that records and the one that plays use now. */
  async used() {
    const ours = async (streams, devices, key) => {
      const list = async (what) => JSON.parse(await this.#control("--format=json", "list", what));
      const [running, all] = [await list(streams), await list(devices)];
      const used = running.map((stream) => all.find(({ index }) => index === stream[key])?.name);
      // What is remapped uses the device behind it with a stream of the server's own; tests speak into the mouth.
      return used.find((name) => name !== undefined && !/^(mouth|(.*-)?air(\.monitor)?)$/.test(name));
    };
    return {
      microphone: await ours("source-outputs", "sources", "source"),
      speaker: await ours("sink-inputs", "sinks", "sink"),
    };
  }

  /** Waits until these are used. */
  async until(wanted, limitMs) {
    await until(limitMs, `${JSON.stringify(wanted)} to be used`, async () => {
      const used = await this.used();
      return used.microphone === wanted.microphone && used.speaker === wanted.speaker;
    });
  }

  #control(...words) {
    return run(this.#scope, "pactl", words, { env: this.env });
  }

  /** Plays a file to the speaker, as any program does, until the returned function is called. */
  play(path) {
    const player = new Program(this.#scope, "paplay", ["--device=speaker", path], { env: this.env });
    return () => player.end();
  }

  /** Ends the sound server itself. */
  async end() {
    await this.#program.end();
  }

  /** Plays a file into the microphone, to its end. */
  async speak(path, limitMs) {
    await run(this.#scope, "paplay", ["--device=mouth", path], { env: this.env, limitMs });
  }

  /**
   * Records both until the returned function is called: what went into the microphone on the left, what came out of the
   * speaker on the right.
   */
  listen(path) {
    const format = ["--format=s16le", "--rate=48000", "--channels=2", "--file-format=wav", "--latency-msec=20"];
    const program = new Program(this.#scope, "parecord", ["--device=air.monitor", ...format, path], { env: this.env });
    return () => program.end();
  }
}

/** What users read; by default the text of another device would be in it. */
function described(name) {
  const property = name.endsWith("speaker") ? "sink_properties" : "source_properties";
  return [`${property}=device.description=${name}`];
}
