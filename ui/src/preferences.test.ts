import { expect, test } from "vitest";
import { loadPreferences, savePreferences } from "./preferences";

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
  const preferences = { ...defaults, name: "Ada", camera: "pattern", outputVolume: 0.5, voice, server: "https://calls.example.org" };
  savePreferences(place, preferences);
  expect(loadPreferences(place)).toEqual(preferences);
});

test.each(["{", "7", "null", '{"name":7,"else":1,"outputVolume":"loud"}', '{"voice":{"noise_suppression":"off"}}'])("damage falls back to the defaults: %s", (text) => {
  expect(loadPreferences(storage(text))).toEqual(defaults);
  expect(defaults.camera).toBe("default");
});
