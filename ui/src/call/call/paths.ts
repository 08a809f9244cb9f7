/** How media gets through to the others, which the server's operator may want to know. */

import type { CandidatePair } from "../../generated/CandidatePair";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { PathState } from "../../generated/PathState";
import type { Core } from "./core";

export function onPath(core: Core, nowMs: number, id: ParticipantId, state: PathState): void {
  core.report(core.peers.get(id)?.handlePath(nowMs, state, core.out));
}

/** Nothing is noted that cannot be told: the pair comes again when the server is back. */
export function onSelectedPair(core: Core, nowMs: number, id: ParticipantId, pair: CandidatePair): void {
  if (core.isToReport) core.report(core.peers.get(id)?.handleSelectedPair(nowMs, pair));
}
