import { expect, test } from "vitest";
import { errorToShow, stateWords } from "./callWords";
import { callErrorWords, deviceErrorWords } from "./errors";
import type { PeerState } from "./generated/PeerState";
import { SILENT } from "./level";
import type { Other } from "./model";

const inRoom = { type: "in_room", room: "r", you: "me" } as const;
const other = (name: string, peer: PeerState): Other => ({
  id: name,
  name,
  media: { microphone: true, camera: true },
  role: "offerer",
  peer,
  voice: SILENT,
  volume: 1,
});

test("the worst path is the one that is told", () => {
  const text = (...others: Other[]) => stateWords({ call: inRoom, others }).text;
  expect(text()).toBe("Waiting for others");
  expect(text(other("Ben", "connected"))).toBe("Connected");
  expect(text(other("Ben", "connected"), other("Cy", "connecting"))).toBe("Connecting to Cy…");
  expect(text(other("Ben", "connecting"), other("Cy", "reconnecting"))).toContain("Cy lost");
  expect(text(other("Ben", "reconnecting"), other("Cy", "failed"))).toBe("No connection to Cy");
});

test("a lost server is told before the paths", () => {
  const words = stateWords({ call: { type: "reconnecting" }, others: [other("Ben", "reconnecting")] });
  expect(words).toEqual({ text: "Connection to the server lost. Trying again…", tone: "busy" });
});

test("a lost server worries nobody while media flows", () => {
  const others = [other("Ben", "connected")];
  expect(stateWords({ call: { type: "reconnecting" }, others })).toEqual({
    text: "Connected. Reaching the server again…",
    tone: "calm",
  });
  for (const callError of ["server_lost", "server_closing"] as const) {
    expect(errorToShow({ callError, others })).toBeUndefined();
    expect(errorToShow({ callError, others: [] })).toBe(callError);
  }
  expect(errorToShow({ callError: "path_failed", others })).toBe("path_failed");
});

test("every error says what happened and what to do", () => {
  for (const words of [callErrorWords("room_full"), deviceErrorWords("camera", "busy")]) {
    expect(words.title).toMatch(/^[A-Z]/);
    expect(words.advice).toMatch(/\.$/);
  }
  expect(deviceErrorWords("speaker", "lost").title).toBe("The speaker is gone");
});
