/** Whether media gets through to a peer, and when to try an ICE restart (RFC 8445 section 2.4, RFC 8839 section 4.4.3). */

import type { PathState } from "../generated/PathState";
import type { PeerState } from "../generated/PeerState";
import type { Role } from "../generated/Role";

/** How long the first connection may take before it is tried anew. */
const CONNECT_TIMEOUT_MS = 15_000;
/** How long a disconnected path may come back by itself. */
const PATIENCE_MS = 2000;
/** How much longer the answerer waits, so that one side restarts and not both. */
const ANSWERER_DELAY_MS = 3000;
/** Between two ICE restarts for changes of the network: a network that flaps does not keep the call in restarts. */
const CHANGE_PAUSE_MS = 1000;
/** Pauses after each ICE restart; after the last one the path is given up. */
const RESTART_PAUSES_MS = [4000, 4000, 8000, 16_000, 16_000];
const LAST_PAUSE_MS = 16_000;

type Phase =
  /** Not connected; at `actAtMs` an ICE restart is due, or, when there were enough, the path is given up. */
  | { type: "down"; actAtMs: number; restarts: number }
  | { type: "up" }
  | { type: "given_up" };

/** What is to be done when the time has come. */
export type PathAction = "restart_ice" | "give_up";

export class Path {
  #delayMs: number;
  #phase: Phase;
  #everConnected = false;
  /** When ICE was last restarted from here. */
  #restartedAtMs: number | undefined;

  constructor(nowMs: number, role: Role) {
    this.#delayMs = delayMs(role);
    this.#phase = { type: "down", actAtMs: nowMs + CONNECT_TIMEOUT_MS + this.#delayMs, restarts: 0 };
  }

  get state(): PeerState {
    switch (this.#phase.type) {
      case "up":
        return "connected";
      case "given_up":
        return "failed";
      case "down":
        return this.#everConnected ? "reconnecting" : "connecting";
    }
  }

  handle(nowMs: number, state: PathState): void {
    if (this.#phase.type === "given_up") return;
    switch (state) {
      case "connected":
        this.#phase = { type: "up" };
        this.#everConnected = true;
        return;
      case "disconnected":
        if (this.#phase.type === "up") this.#goDown(nowMs + PATIENCE_MS + this.#delayMs);
        return;
      case "failed":
        if (this.#phase.type === "up") this.#goDown(nowMs + this.#delayMs);
        // Waiting any longer is pointless, but a restart under way keeps its pause.
        else if (this.#phase.restarts === 0) {
          this.#phase.actAtMs = Math.min(this.#phase.actAtMs, nowMs + this.#delayMs);
        }
        return;
      case "moved":
        // Whoever notices restarts; should both do, negotiation takes care of it.
        if (this.#phase.type === "up") this.#goDown(this.#afterChangeMs(nowMs));
        else this.handleNetworkChange(nowMs);
        return;
    }
  }

  /** There is another network, or there are messages to the peer again: what is down is tried anew at once. */
  handleNetworkChange(nowMs: number): void {
    if (this.#phase.type !== "down") return;
    this.#phase.actAtMs = Math.min(this.#phase.actAtMs, this.#afterChangeMs(nowMs));
    this.#phase.restarts = 0;
  }

  /**
   * Both sides are back after the server was lost: what was said meanwhile is lost with it, so what is down is tried anew, by
   * the offerer at once.
   */
  handleReturn(nowMs: number, role: Role): void {
    this.#delayMs = delayMs(role);
    if (this.#phase.type === "down") this.#goDown(this.#afterChangeMs(nowMs) + this.#delayMs);
  }

  /** The other side offers, which may restart ICE: its attempt gets the time that an own one would. */
  handleRemoteOffer(nowMs: number): void {
    if (this.#phase.type !== "down") return;
    const pauseMs = RESTART_PAUSES_MS[this.#phase.restarts] ?? LAST_PAUSE_MS;
    this.#phase.actAtMs = Math.max(this.#phase.actAtMs, nowMs + pauseMs + this.#delayMs);
  }

  giveUp(): void {
    this.#phase = { type: "given_up" };
  }

  /**
   * What is due now. `reachable` says whether messages reach the peer: without them there is nothing to try, and no
   * try is counted.
   */
  handleTimeout(nowMs: number, reachable: boolean): PathAction | undefined {
    const phase = this.#phase;
    if (phase.type !== "down" || nowMs < phase.actAtMs) return undefined;
    if (!reachable) {
      phase.actAtMs = nowMs + PATIENCE_MS;
      return undefined;
    }
    const pauseMs = RESTART_PAUSES_MS[phase.restarts];
    if (pauseMs === undefined) {
      this.giveUp();
      return "give_up";
    }
    phase.restarts += 1;
    phase.actAtMs = nowMs + pauseMs;
    this.#restartedAtMs = nowMs;
    return "restart_ice";
  }

  pollTimeoutMs(): number | undefined {
    return this.#phase.type === "down" ? this.#phase.actAtMs : undefined;
  }

  #goDown(actAtMs: number): void {
    this.#phase = { type: "down", actAtMs, restarts: 0 };
  }

  /** When a restart for a change of the network may begin. */
  #afterChangeMs(nowMs: number): number {
    return this.#restartedAtMs === undefined ? nowMs : Math.max(nowMs, this.#restartedAtMs + CHANGE_PAUSE_MS);
  }
}

function delayMs(role: Role): number {
  return role === "offerer" ? 0 : ANSWERER_DELAY_MS;
}
