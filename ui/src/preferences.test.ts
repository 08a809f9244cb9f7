import { expect, test } from "vitest";
import { loadPreferences, savePreferences, withGuest } from "./preferences";

function storage(text: string | null) {
  return {
    text,
    getItem() {
      return this.text;
    },
    setItem(_: string, value: string) {
      this.text = value;
    },
  };
}

const defaults = loadPreferences(storage(null));

test("what was saved is loaded again", () => {
  const place = storage(null);
  const voice = { echo_cancellation: true, noise_suppression: "off", automatic_gain: false, high_pass: true } as const;
  const preferences = { ...defaults, name: "Ada", camera: "pattern", outputVolume: 0.5, voice, server: "https://calls.example.org", guests: { "https://calls.example.org": "t" } };
  savePreferences(place, preferences);
  expect(loadPreferences(place)).toEqual(preferences);
});

test.each(["{", "7", "null", '{"name":7,"else":1,"outputVolume":"loud"}', '{"voice":{"noise_suppression":"off"}}', '{"guests":null}', '{"guests":["t"]}', '{"guests":{"https://a.example":7}}'])("damage falls back to the defaults: %s", (text) => {
  expect(loadPreferences(storage(text))).toEqual(defaults);
  expect(defaults.camera).toBe("default");
});

test("who one is as a guest is kept for each server, and of too many the oldest is forgotten", () => {
  let guests: Readonly<Record<string, string>> = {};
  for (let n = 0; n < 32; n++) guests = withGuest(guests, `https://${n}.example`, `first ${n}`);
  guests = withGuest(guests, "https://0.example", "second 0");
  expect(Object.keys(guests)).toHaveLength(32);
  guests = withGuest(guests, "https://32.example", "first 32");
  expect(Object.keys(guests)).toHaveLength(32);
  expect(guests).toMatchObject({ "https://0.example": "second 0", "https://32.example": "first 32" });
  expect(guests).not.toHaveProperty(["https://1.example"]);
});
