import type { Device } from "../generated/Device";
import type { DeviceKind } from "../generated/DeviceKind";
import { strings } from "../strings";

/** What a picker offers: the system's default, the devices there are, nothing, and a synthetic source. */
export function deviceOptions(kind: DeviceKind, devices: Device[], choice: string): Device[] {
  const options = [
    { id: "default", label: strings.devices.standard },
    ...devices.map(({ id, label }, index) => ({ id, label: label || strings.devices.unnamed(index + 1) })),
    { id: "none", label: strings.devices.none[kind] },
    ...synthetic(kind),
  ];
  // A file or a device that is gone stays visible as what is chosen.
  const known = options.some(({ id }) => id === choice);
  return known ? options : [...options, { id: choice, label: strings.devices.unknown }];
}

function synthetic(kind: DeviceKind): Device[] {
  switch (kind) {
    case "camera":
      return [{ id: "pattern", label: strings.devices.pattern }];
    case "microphone":
      return [{ id: "tone", label: strings.devices.tone }];
    case "speaker":
      return [];
  }
}
