import type { CallEngine } from "./CallEngine";

/** Makes the engine of the place this page runs in; the other one's code is never loaded. */
export async function createEngine(): Promise<CallEngine> {
  if ("__TAURI_INTERNALS__" in window) {
    const { NativeEngine } = await import("./native/NativeEngine");
    return NativeEngine.connect();
  }
  const { BrowserEngine } = await import("./browser/BrowserEngine");
  return new BrowserEngine();
}
