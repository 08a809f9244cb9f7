import type { DeviceError } from "../../generated/DeviceError";
import type { DeviceErrorCode } from "../../generated/DeviceErrorCode";
import type { DeviceKind } from "../../generated/DeviceKind";

/** What a browser's exception about a device means, by the names of the Media Capture specification, section 10.2. */
export function deviceError(kind: DeviceKind, cause: unknown): DeviceError {
  const { name, message } = cause instanceof Error ? cause : { name: "", message: String(cause) };
  return { kind, code: deviceErrorCode(name), message };
}

function deviceErrorCode(name: string): DeviceErrorCode {
  switch (name) {
    case "NotFoundError":
    // A device id that no device has any more.
    case "OverconstrainedError":
      return "not_found";
    case "DeviceLostError":
      return "lost";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    case "NotAllowedError":
    case "SecurityError":
    // Without a secure context there is no `mediaDevices` at all.
    case "TypeError":
      return "denied";
    default:
      return "failed";
  }
}
