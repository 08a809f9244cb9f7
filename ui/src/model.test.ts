import { expect, test } from "vitest";
import type { EngineEvent } from "./engine/CallEngine";
import type { CallEvent } from "./generated/CallEvent";
import { SILENT } from "./level";
import { INITIAL, reduce } from "./model";

const media = { microphone: true, camera: true };
const ben = { id: "b", name: "Ben", media, role: "offerer" } as const;
const after = (...events: EngineEvent[]) => events.reduce(reduce, INITIAL);
const call = (event: CallEvent): EngineEvent => ({ type: "call", event });

test("others come, change and go", () => {
  const joined = [call({ type: "participant_joined", participant: ben })];
  const fresh = { ...ben, peer: "connecting", voice: SILENT, volume: 1 };
  expect(after(...joined).others).toEqual([fresh]);
  const changed = [
    ...joined,
    call({ type: "peer", participant: "b", state: "connected" }),
    call({ type: "media", participant: "b", media: { microphone: false, camera: true } }),
    call({ type: "peer", participant: "nobody", state: "failed" }),
  ];
  expect(after(...changed).others).toEqual([
    { ...fresh, peer: "connected", media: { microphone: false, camera: true } },
  ]);
  expect(after(...changed, call({ type: "participant_left", participant: "b", reason: "left" })).others).toEqual([]);
});

test("a host hears who knocks, until that ends", () => {
  const knocks = ["c", "d"].map((participant) => call({ type: "knock", participant, name: "Cat" }));
  expect(after(...knocks).knocks.map(({ participant }) => participant)).toEqual(["c", "d"]);
  const one = [...knocks, call({ type: "knock_ended", participant: "c" })];
  expect(after(...one).knocks).toEqual([{ participant: "d", name: "Cat" }]);
  expect(after(...one, call({ type: "state", state: { type: "ended" } })).knocks).toEqual([]);
});

test("who is muted is off until it is switched on, and others become hosts", () => {
  const joined = call({ type: "participant_joined", participant: ben });
  const muted = after(joined, call({ type: "muted", by: "b" }), call({ type: "host", participant: "b" }));
  expect([muted.own.microphone, muted.mutedBy, muted.others[0]?.host]).toEqual([false, "b", true]);
});

test("whoever is loud speaks, and who is not told of falls silent", () => {
  const joined = ["b", "c"].map((id) => call({ type: "participant_joined", participant: { ...ben, id } }));
  const loud: EngineEvent = { type: "participant_levels", levels: [{ participant: "b", level: 0.2 }] };
  const nobody: EngineEvent = { type: "participant_levels", levels: [] };
  const speaking = (...events: EngineEvent[]) => after(...joined, ...events).others.map(({ voice }) => voice.speaking);
  expect(speaking(loud)).toEqual([true, false]);
  expect(speaking(loud, ...Array<EngineEvent>(8).fill(nobody))).toEqual([false, false]);
  expect(after({ type: "microphone_level", level: 0.2 }).voice.speaking).toBe(true);
});

test("what the server says about an error is kept with it", () => {
  const banned = [call({ type: "notice", text: "you are banned" }), call({ type: "error", code: "banned" })];
  const ended = after(...banned, call({ type: "state", state: { type: "ended" } }));
  expect([ended.callError, ended.notice]).toEqual(["banned", "you are banned"]);
  expect(after(...banned, call({ type: "state", state: { type: "joining" } })).notice).toBeUndefined();
});

test("an error is kept until the room is entered, and past the end", () => {
  const lost = [call({ type: "error", code: "server_lost" }), call({ type: "state", state: { type: "reconnecting" } })];
  expect(after(...lost).callError).toBe("server_lost");
  expect(after(...lost, call({ type: "state", state: { type: "ended" } })).callError).toBe("server_lost");
  const back = call({ type: "state", state: { type: "in_room", room: "r", you: "me" } });
  expect(after(...lost, back).callError).toBeUndefined();
});

test("the end of a call leaves nobody behind", () => {
  const model = after(
    call({ type: "participant_joined", participant: ben }),
    { type: "sound_blocked", blocked: true },
    call({ type: "state", state: { type: "ended" } }),
  );
  expect(model.others).toEqual([]);
  expect(model.soundBlocked).toBe(false);
});

test("a device that fails is off, until it delivers again", () => {
  const failed: EngineEvent = {
    type: "device_failed",
    error: { kind: "camera", code: "busy", message: "" },
    stand_in: false,
  };
  expect(after(failed).own).toEqual({ microphone: true, camera: false });
  expect(after(failed).deviceErrors).toEqual({ camera: "busy" });
  expect(after(failed, { type: "device_started", device: "camera" }).deviceErrors).toEqual({});
  const speaker: EngineEvent = {
    type: "device_failed",
    error: { kind: "speaker", code: "lost", message: "" },
    stand_in: false,
  };
  expect(after(speaker).own).toEqual(media);
});

test("a device that another stands in for stays on, and a device that returns is on again", () => {
  const lost = (stand_in: boolean): EngineEvent => ({
    type: "device_failed",
    error: { kind: "microphone", code: "lost", message: "" },
    stand_in,
  });
  const returned: EngineEvent = { type: "device_returned", device: "microphone" };
  expect(after(lost(true))).toMatchObject({ own: media, deviceErrors: {}, standIns: new Set(["microphone"]) });
  expect(after(lost(true), returned)).toMatchObject({ own: media, standIns: new Set() });
  expect(after(lost(true), lost(false))).toMatchObject({ own: { microphone: false }, standIns: new Set() });
  expect(after(lost(false), returned)).toMatchObject({ own: media, deviceErrors: {} });
});

test("streams are known while they run", () => {
  const stream = { type: "participant", participant: "b" } as const;
  const started: EngineEvent[] = [
    { type: "video_started", stream: { type: "own" } },
    { type: "video_started", stream },
  ];
  expect([...after(...started).videos]).toEqual(["own", "participant:b"]);
  expect([...after(...started, { type: "video_ended", stream }).videos]).toEqual(["own"]);
});

test("a screen is shared until it ends, and why it ended is kept until the next try", () => {
  const shared: EngineEvent[] = [{ type: "screen_started" }];
  expect(after(...shared).own.screen).toBe(true);
  const closed: EngineEvent = { type: "screen_ended", error: { code: "closed", message: "" } };
  expect(after(...shared, closed)).toMatchObject({ own: { screen: false }, screenError: "closed" });
  expect(after(closed, ...shared).screenError).toBeUndefined();
  const unsupported: EngineEvent = { type: "screens", screens: [], sound: true, error: { code: "unsupported", message: "" } };
  expect(after(unsupported)).toMatchObject({ screens: [], offersSound: true, screenError: "unsupported" });
});

test("a screen's sound may fail and come back while the picture goes on, and ends with it", () => {
  const [fails, comes]: EngineEvent[] = [false, true].map((on) => ({ type: "screen_sound", on }));
  expect(after({ type: "screen_started" }, fails!)).toMatchObject({ own: { screen: true }, sharedSound: false });
  expect(after(fails!, comes!).sharedSound).toBe(true);
  expect(after(comes!, { type: "screen_ended", error: null }).sharedSound).toBeUndefined();
});

test("who has left can be reported for a while, and nobody after the call", () => {
  const met = call({ type: "participant_joined", participant: ben });
  const left = after(met, call({ type: "participant_left", participant: "b", reason: "left" }));
  expect(left.departed).toEqual([{ id: "b", name: "Ben" }]);
  expect(reduce(left, call({ type: "state", state: { type: "ended" } })).departed).toEqual([]);
  const many = Array.from({ length: 40 }, (_, number) => ({ ...ben, id: `b${number}` })).flatMap((participant) => [
    call({ type: "participant_joined", participant }),
    call({ type: "participant_left", participant: participant.id, reason: "left" }),
  ]);
  expect(after(...many).departed.map(({ id }) => id)).toEqual(Array.from({ length: 16 }, (_, n) => `b${n + 24}`));
});

test("what came of a report is told of the report, and of a block only if it came to nothing", () => {
  const asked = (what: "report" | "block", ...events: EngineEvent[]) =>
    events.reduce(reduce, { ...INITIAL, asked: { what, answer: "none" } as const }).asked;
  const refused = call({ type: "not_kept", why: "too_many" });
  const kept = { what: "report", answer: "kept", report: "0190" };
  expect(asked("report", call({ type: "reported", report: "0190" }))).toEqual(kept);
  // The refusal was of something else.
  expect(asked("report", refused, call({ type: "reported", report: "0190" }))).toEqual(kept);
  expect(asked("block", refused)).toEqual({ what: "block", answer: "not_kept", why: "too_many" });
  expect(asked("block", call({ type: "blocked", participant: "b" }))).toBeUndefined();
  expect(after(refused).asked).toBeUndefined();
});
