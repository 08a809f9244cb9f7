/**
 * Candidates on their way in both directions, each kept until the description it belongs to has gone before it
 * (RFC 8838). Generations are told apart by their user name fragment.
 */

import type { Candidate } from "../generated/Candidate";
import type { Output } from "../generated/Output";
import type { ParticipantId } from "../generated/ParticipantId";
import { MAX_CANDIDATES_PER_MESSAGE } from "./limits";

/** Most candidates kept for a description that has not come; a flood beyond it is dropped. */
export const MAX_KEPT = 128;

/** A candidate, or the word that there are no more of its generation. */
export type Trickled = { type: "candidate"; candidate: Candidate } | { type: "end"; ufrag: string };

/** One direction of trickling. */
export class Trickle {
  /** User name fragments of the description in force, one or more (one per media section without bundling). */
  #ufrags: string[] = [];
  #kept: Trickled[] = [];

  /** Takes what was trickled; gives it back if its description is in force, keeps it otherwise. */
  handle(trickled: Trickled): Trickled[] {
    if (this.#ufrags.includes(ufragOf(trickled))) return [trickled];
    if (this.#kept.length < MAX_KEPT) this.#kept.push(trickled);
    return [];
  }

  /** A description is in force from now on: gives what was kept for it, and forgets what belongs to others. */
  handleDescription(sdp: string): Trickled[] {
    this.#ufrags = ufrags(sdp);
    const kept = this.#kept;
    this.#kept = [];
    return kept.filter((trickled) => this.#ufrags.includes(ufragOf(trickled)));
  }
}

/** Sends local candidates to a participant, in batches as large as allowed. */
export function send(to: ParticipantId, trickled: Trickled[], out: Output[]): void {
  let candidates: Candidate[] = [];
  const sendBatch = (): void => {
    if (candidates.length === 0) return;
    out.push({ type: "send", message: { type: "candidates", payload: { to, candidates } } });
    candidates = [];
  };
  for (const item of trickled) {
    switch (item.type) {
      case "candidate":
        candidates.push(item.candidate);
        if (candidates.length === MAX_CANDIDATES_PER_MESSAGE) sendBatch();
        break;
      case "end":
        sendBatch();
        out.push({ type: "send", message: { type: "end_of_candidates", payload: { to, ufrag: item.ufrag } } });
        break;
    }
  }
  sendBatch();
}

/** Asks for the work on the peer connection that remote candidates need. */
export function add(peer: ParticipantId, trickled: Trickled[], out: Output[]): void {
  for (const item of trickled) {
    switch (item.type) {
      case "candidate":
        out.push({ type: "add_candidate", peer, candidate: item.candidate });
        break;
      case "end":
        out.push({ type: "end_candidates", peer, ufrag: item.ufrag });
        break;
    }
  }
}

/** All `a=ice-ufrag` values of a description, once each (RFC 8839 section 5.4). */
export function ufrags(sdp: string): string[] {
  const found = [...sdp.matchAll(/^a=ice-ufrag:(.*)$/gm)].map(([, ufrag = ""]) => ufrag.trimEnd());
  return [...new Set(found)];
}

function ufragOf(trickled: Trickled): string {
  switch (trickled.type) {
    case "candidate":
      return trickled.candidate.ufrag;
    case "end":
      return trickled.ufrag;
  }
}
