import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PEER } from "./binaries.mjs";
import { Program } from "./process.mjs";
import { readWav } from "./wav.mjs";
import { Recording } from "./y4m.mjs";

/** How long anything that needs no network beyond loopback may take. */
const EVENT_LIMIT_MS = 20_000;
const LEAVE_LIMIT_MS = 10_000;

let peers = 0;

/**
 * A headless peer.
 *
 * Its events have the form of `ui/src/generated/Event.ts`, its statistics of `ui/src/generated/CallStats.ts`.
 */
export class Peer {
  #files;

  /**
   * @param {Program} program
   * @param {Recording | undefined} recording
   * @param {Recording | undefined} screenRecording
   * @param {{ stats: string, speaker: string }} files
   */
  constructor(program, recording, screenRecording, files) {
    this.program = program;
    /** The pictures that it decodes. */
    this.recording = recording;
    /** Those of a shared screen. */
    this.screenRecording = screenRecording;
    this.#files = files;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {string} link
   * @param {{ name?: string, camera?: string, microphone?: string, speaker?: string, record?: boolean, recordScreen?: boolean,
   *   namespace?: string, env?: Record<string, string>, args?: string[] }} [options] the speaker is a file unless told
   *   otherwise; see {@link sound}
   */
  static start(scope, link, options = {}) {
    const number = ++peers;
    const { name = `Peer ${number}`, camera = "pattern", microphone = "tone", record = false, args = [] } = options;
    const { recordScreen = false } = options;
    const { namespace, env } = options;
    const file = (suffix) => join(scope.folder, `peer-${number}${suffix}`);
    const files = { stats: file(".jsonl"), speaker: file(".wav") };
    const { speaker = files.speaker } = options;
    const recording = record ? new Recording(file(".y4m")) : undefined;
    const screenRecording = recordScreen ? new Recording(file("-screen.y4m")) : undefined;
    for (const each of [recording, screenRecording]) if (each !== undefined) scope.defer(() => each.close());
    const words = [link, "--name", name, "--camera", camera, "--microphone", microphone, "--speaker", speaker];
    words.push("--stats", files.stats, ...args);
    if (recording !== undefined) words.push("--record-video", recording.path);
    if (screenRecording !== undefined) words.push("--record-screen", screenRecording.path);
    return new Peer(new Program(scope, PEER, words, { name, namespace, env }), recording, screenRecording, files);
  }

  /** Everything that happened so far. */
  get events() {
    return this.program.lines.map((line) => JSON.parse(line));
  }

  /**
   * The first event that `test` holds for: past or to come, or beyond the first `from` ones.
   *
   * @param {(event: any) => boolean} test
   * @param {string} what
   */
  event(test, what, { limitMs = EVENT_LIMIT_MS, from = 0 } = {}) {
    const matching = (line) => {
      const event = JSON.parse(line);
      return test(event) && event;
    };
    return this.program.line(matching, what, limitMs, from);
  }

  /** Has it carry out a command of `ui/src/generated/Command.ts`; it has to be started with `--commands`. */
  command(command) {
    this.program.write(JSON.stringify(command));
  }

  /** In the room, alone or not. */
  inRoom() {
    return this.event(
      ({ type, event }) => type === "call" && event.type === "state" && event.state.type === "in_room",
      "to be in the room",
    );
  }

  /** Out of the room for good. @param {number} [from] events that do not count */
  left(from) {
    return this.event(
      ({ type, event }) => type === "call" && event.type === "state" && event.state.type === "ended",
      "to be out of the room",
      { from },
    );
  }

  /** Media can flow. */
  connected() {
    return this.event(
      ({ type, event }) => type === "call" && event.type === "peer" && event.state === "connected",
      "to be connected",
    );
  }

  /** Pictures of another participant come. */
  sees() {
    return this.event(
      ({ type, stream }) => type === "video_started" && stream.type === "participant",
      "to see somebody",
    );
  }

  /** Pictures of another participant's screen come. */
  seesScreen() {
    return this.event(({ type, stream }) => type === "video_started" && stream.type === "screen", "to see a screen");
  }

  /** The sound of the screen that it shares is there, or not. @param {number} [from] events that do not count */
  sharesSound(on, from) {
    return this.event((event) => event.type === "screen_sound" && event.on === on, `its sound to be ${on ? "on" : "off"}`, {
      from,
    });
  }

  /** An error of the call. @param {string} code of `ui/src/generated/CallErrorCode.ts` */
  fails(code) {
    return this.event(
      ({ type, event }) => type === "call" && event.type === "error" && event.code === code,
      `the error ${code}`,
    );
  }

  /** An error of a device. @param {string} code of `ui/src/generated/DeviceErrorCode.ts` */
  deviceFails(kind, code, limitMs = EVENT_LIMIT_MS) {
    return this.event(
      ({ type, error }) => type === "device_failed" && error.kind === kind && error.code === code,
      `the ${kind} to be ${code}`,
      { limitMs },
    );
  }

  /** A device that was gone is used again. */
  deviceReturns(kind, limitMs = EVENT_LIMIT_MS) {
    return this.event(({ type, device }) => type === "device_returned" && device === kind, `the ${kind} to return`, {
      limitMs,
    });
  }

  /** A device that was asked for delivers. */
  deviceStarts(kind) {
    return this.event(({ type, device }) => type === "device_started" && device === kind, `the ${kind} to start`);
  }

  /** Its statistics so far, one sample a second. */
  stats() {
    return readFileSync(this.#files.stats, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  /** What its speaker has played: all of it once it has left, before that all but the last half second. */
  sound() {
    return readWav(this.#files.speaker);
  }

  /** When the first sample of that was due: the file is made for it. @returns {number} Unix time in milliseconds */
  soundBeganMs() {
    return statSync(this.#files.speaker).birthtimeMs;
  }

  /** Leaves the call; the peer has to end well. */
  async leave() {
    const { code, signal } = await this.program.end(LEAVE_LIMIT_MS);
    await Promise.all([this.recording?.finished, this.screenRecording?.finished]);
    if (code !== 0) throw new Error(`${this.program.name} ended with ${signal ?? code}\n${this.program.errors}`);
  }
}
