import type { AccessToken } from "./generated/AccessToken";
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
  /** Who this user is as a guest, by the origin of the server that said so; the one who spoke last at the end. */
  guests: Readonly<Record<string, AccessToken>>;
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
  guests: {},
};

/** Servers that an identity is kept for. */
const MAX_GUESTS = 32;

/** What was saved; the default of whatever is missing or of the wrong type. */
export function loadPreferences(storage: Pick<Storage, "getItem">): Preferences {
  const saved = parse(storage.getItem(KEY));
  const entries = Object.entries(DEFAULTS).map(([key, fallback]) => {
    const value = saved[key];
    return [key, typeof value === typeof fallback ? value : fallback];
  });
  const preferences = Object.fromEntries(entries) as unknown as Preferences;
  return {
    ...preferences,
    voice: isVoice(preferences.voice) ? preferences.voice : null,
    guests: isGuests(preferences.guests) ? preferences.guests : {},
  };
}

/** The guests with the one that a server has just made of this user. */
export function withGuest(guests: Preferences["guests"], server: string, token: AccessToken): Preferences["guests"] {
  const others = Object.entries(guests).filter(([other]) => other !== server);
  return Object.fromEntries([...others.slice(1 - MAX_GUESTS), [server, token]]);
}

function isGuests(guests: unknown): boolean {
  return (
    typeof guests === "object" &&
    guests !== null &&
    !Array.isArray(guests) &&
    Object.values(guests).every((token) => typeof token === "string")
  );
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
