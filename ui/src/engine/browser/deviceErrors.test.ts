import { expect, test } from "vitest";
import { deviceError } from "./deviceErrors";

test.each([
  ["NotFoundError", "not_found"],
  ["OverconstrainedError", "not_found"],
  ["NotAllowedError", "denied"],
  ["NotReadableError", "busy"],
  ["DeviceLostError", "lost"],
  ["OperationError", "failed"],
])("%s is %s", (name, code) => {
  expect(deviceError("camera", new DOMException("words", name))).toEqual({ kind: "camera", code, message: "words" });
});

test("what is no error at all is told too", () => {
  expect(deviceError("speaker", "odd")).toEqual({ kind: "speaker", code: "failed", message: "odd" });
});
