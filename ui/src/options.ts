import type { DeviceChoice } from "./generated/DeviceChoice";
import type { DisplayName } from "./generated/DisplayName";

/**
 * What a link's query asks for, for kiosks and tests:
 * `?camera=pattern&microphone=tone&speaker=none&name=Ada&join=1&probe=1`.
 *
 * The device choices and the name count for this visit only.
 */
export interface Options {
  devices: Partial<DeviceChoice>;
  name: DisplayName | undefined;
  /** Enter the room at once. */
  join: boolean;
  /** Offer [the probe](./probe.ts). */
  probe: boolean;
}

export function parseOptions(query: URLSearchParams): Options {
  const devices: Partial<DeviceChoice> = {};
  for (const kind of ["camera", "microphone", "speaker"] as const) {
    const choice = query.get(kind);
    if (choice) devices[kind] = choice;
  }
  return {
    devices,
    name: query.get("name")?.trim() || undefined,
    join: query.get("join") === "1" && isHarmless(devices),
    probe: query.get("probe") === "1",
  };
}

/** Anybody may write a link: none of them opens a real camera or microphone in a room without the user's own click. */
function isHarmless({ camera, microphone }: Partial<DeviceChoice>): boolean {
  return (camera === "none" || camera === "pattern") && (microphone === "none" || microphone === "tone");
}
