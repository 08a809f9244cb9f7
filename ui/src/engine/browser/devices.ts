import type { Device } from "../../generated/Device";
import type { DeviceList } from "../../generated/DeviceList";

/** What the browser lists now. It hides ids and names until the user has allowed a device of the kind. */
export async function listDevices(): Promise<DeviceList> {
  // Missing outside a secure context.
  const infos = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return {
    cameras: devices(infos, "videoinput"),
    microphones: devices(infos, "audioinput"),
    speakers: devices(infos, "audiooutput"),
  };
}

/** The devices of a kind, without the browser's own aliases for the system's choice. */
function devices(infos: MediaDeviceInfo[], kind: MediaDeviceKind): Device[] {
  return infos
    .filter((info) => info.kind === kind && !["", "default", "communications"].includes(info.deviceId))
    .map(({ deviceId, label }) => ({ id: deviceId, label }));
}
