import type { Device } from "../../generated/Device";
import type { DeviceErrorCode } from "../../generated/DeviceErrorCode";

const SYNTHETIC: readonly string[] = ["none", "pattern", "tone"];

/**
 * What becomes of a device that fails: whether the system's choice stands in for it, and when it is used again. The
 * choice itself is never changed. The same rules as `stand_in.rs` of the native engine.
 */
export class StandIn {
  readonly #replaceable: boolean;
  #chosen = "default";
  #using: "chosen" | "system_choice" | "nothing" = "chosen";
  /** Ids of what was there last, once that is known. */
  #present: ReadonlySet<string> | undefined;

  /** @param replaceable whether another device may take its place; no camera may, for what it could show */
  constructor(replaceable: boolean) {
    this.#replaceable = replaceable;
  }

  choose(choice: string): void {
    this.#chosen = choice;
    this.#using = "chosen";
  }

  /** What is to be used now. */
  get choice(): string {
    return this.#using === "system_choice" ? "default" : this.#chosen;
  }

  /** What was used failed. Tells whether the system's choice stands in. */
  onFailure(code: DeviceErrorCode): boolean {
    const gone = code === "not_found" || code === "lost" || code === "stalled";
    const available = this.#chosen === "default" ? code === "lost" : !SYNTHETIC.includes(this.#chosen);
    const standsIn = this.#replaceable && gone && available && this.#using === "chosen";
    this.#using = standsIn ? "system_choice" : "nothing";
    return standsIn;
  }

  /** These devices are there now. Tells whether what was chosen has come back. */
  onPresent(devices: readonly Device[]): boolean {
    const before = this.#present;
    this.#present = new Set(devices.map(({ id }) => id));
    const news = devices.filter(({ id }) => before?.has(id) === false);
    const back = this.#using !== "chosen" && this.#waitsFor(news);
    if (back) this.#using = "chosen";
    return back;
  }

  #waitsFor(news: readonly Device[]): boolean {
    if (SYNTHETIC.includes(this.#chosen)) return false;
    if (this.#chosen !== "default") return news.some(({ id }) => id === this.#chosen);
    return this.#using === "nothing" && news.length > 0;
  }
}
