/** What the server's operator learns of the path to one peer: kinds and times, and nothing that says whose they are. */

import type { CandidatePair } from "../generated/CandidatePair";
import type { CandidateType } from "../generated/CandidateType";
import type { PathReport } from "../generated/PathReport";
import type { PeerState } from "../generated/PeerState";
import type { SelectedPair } from "../generated/SelectedPair";
import { MAX_CONNECT_MS } from "./limits";

/** Reports of one peer in a minute: a path that flaps says no more by more of them. */
const MOST_A_MINUTE = 6;
const MINUTE_MS = 60_000;

/** In the order of ICE's preference (RFC 8445 section 5.1.2.2). */
const CANDIDATE_TYPES: readonly CandidateType[] = ["host", "prflx", "srflx", "relay"];

type Stage =
  | { type: "connecting" }
  /** Connected after that time, over a pair that was not told yet. */
  | { type: "connected"; afterMs: number }
  | { type: "told"; pair: SelectedPair };

/** Turns what happens to the path into reports. What is too much is left out; the pair in use is told later, if it still is. */
export class PathReporter {
  /** When the present peer connection was begun. */
  #begunMs: number;
  #stage: Stage = { type: "connecting" };
  /** Whether media has got through, over this connection or one before. */
  #wasConnected = false;
  /** How many reports there were since then. */
  #reported = 0;
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#begunMs = nowMs;
    this.#sinceMs = nowMs;
  }

  /** Another peer connection takes the place of the present one. */
  beginAnew(nowMs: number): void {
    this.#begunMs = nowMs;
    this.#stage = { type: "connecting" };
  }

  /** The path has got from one state to another. */
  handleState(nowMs: number, before: PeerState, after: PeerState): PathReport | undefined {
    if (after !== "connected") return undefined;
    switch (before) {
      case "connecting":
        this.#stage = { type: "connected", afterMs: nowMs - this.#begunMs };
        this.#wasConnected = true;
        return undefined;
      case "reconnecting":
        return this.#report(nowMs, { event: "reconnected" });
      case "connected":
      case "failed":
        return undefined;
    }
  }

  /** Media takes this pair. */
  handlePair(nowMs: number, candidates: CandidatePair): PathReport | undefined {
    const pair = selected(candidates);
    const report = this.#reportOf(pair);
    const told = report && this.#report(nowMs, report);
    if (told !== undefined) this.#stage = { type: "told", pair };
    return told;
  }

  handleRestart(nowMs: number): PathReport | undefined {
    return this.#report(nowMs, { event: "restarted" });
  }

  handleFailure(nowMs: number): PathReport | undefined {
    return this.#report(nowMs, { event: "failed", was_connected: this.#wasConnected });
  }

  #reportOf(pair: SelectedPair): PathReport | undefined {
    switch (this.#stage.type) {
      case "connecting":
        return undefined;
      case "connected":
        return { event: "connected", connect_ms: Math.min(Math.floor(this.#stage.afterMs), MAX_CONNECT_MS), pair };
      case "told":
        return isSame(this.#stage.pair, pair) ? undefined : { event: "changed", pair };
    }
  }

  #report(nowMs: number, report: PathReport): PathReport | undefined {
    if (nowMs >= this.#sinceMs + MINUTE_MS) {
      this.#sinceMs = nowMs;
      this.#reported = 0;
    }
    if (this.#reported === MOST_A_MINUTE) return undefined;
    this.#reported += 1;
    return report;
  }
}

function selected({ local, remote, relay_protocol, family }: CandidatePair): SelectedPair {
  const kind = CANDIDATE_TYPES.indexOf(local) < CANDIDATE_TYPES.indexOf(remote) ? remote : local;
  return { kind, ...(relay_protocol && { relay_protocol }), ...(family && { family }) };
}

function isSame(one: SelectedPair, other: SelectedPair): boolean {
  return one.kind === other.kind && one.relay_protocol === other.relay_protocol && one.family === other.family;
}
