import type { DeviceChoice } from "./generated/DeviceChoice";
import type { DisplayName } from "./generated/DisplayName";
import type { VoiceSettings } from "./generated/VoiceSettings";

/** What is remembered from one visit to the next. */
export interface Preferences extends DeviceChoice {
  name: DisplayName;
  /** How loud everybody together is played; see [volume.ts](./volume.ts). */
  outputVolume: number;
  /** What is done to the own voice; null for what is usual. */
  voice: VoiceSettings | null;
  /** Origin of the server, where the user chooses it. */
  server: string;
}

const KEY = "visavis";

const DEFAULTS: Preferences = {
  name: "",
  camera: "default",
  microphone: "default",
  speaker: "default",
  outputVolume: 1,
  voice: null,
  server: "http://127.0.0.1:8080",
};

/** What was saved; the default of whatever is missing or of the wrong type. */
export function loadPreferences(storage: Pick<Storage, "getItem">): Preferences {
  const saved = parse(storage.getItem(KEY));
  const entries = Object.entries(DEFAULTS).map(([key, fallback]) => {
    const value = saved[key];
    return [key, typeof value === typeof fallback ? value : fallback];
  });
  const preferences = Object.fromEntries(entries) as unknown as Preferences;
  return isVoice(preferences.voice) ? preferences : { ...preferences, voice: null };
}

export function savePreferences(storage: Pick<Storage, "setItem">, preferences: Preferences): void {
  storage.setItem(KEY, JSON.stringify(preferences));
}

function isVoice(value: Partial<VoiceSettings> | null): boolean {
  const { echo_cancellation, noise_suppression, automatic_gain, high_pass } = value ?? {};
  return (
    [echo_cancellation, automatic_gain, high_pass].every((part) => typeof part === "boolean") &&
    ["off", "standard", "strong"].includes(noise_suppression ?? "")
  );
}

function parse(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
