/** Strangers are relayed until both would let the other know their addresses. */

import type { Consent } from "../../generated/Consent";
import type { IceMode } from "../../generated/IceMode";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { Ice } from "../peer";
import * as session from "../session";
import type { Core } from "./core";

/** Whether a room with such paths asks for consent. Where the welcome has everybody relayed, nothing else is to be had. */
export function askedFor(core: Core, iceMode: IceMode | undefined): Consent | undefined {
  return iceMode === "relay" && core.ice.ice_mode !== "relay" ? "nobody" : undefined;
}

/** Where paths are found in this room, and which of them media may take. */
export function iceHere(core: Core): Ice {
  const consent = session.consent(core.session);
  return consent === undefined || consent === "both" ? core.ice : { ...core.ice, ice_mode: "relay" };
}

/** What holds in a stay that goes on, of which the server has forgotten who consented: all say so again. */
export function consentKept(core: Core, askedFor: Consent | undefined): Consent | undefined {
  const kept = session.consent(core.session);
  return kept === undefined ? askedFor : kept === "other" ? "nobody" : kept;
}

export function consent(core: Core): void {
  const given = consented(core);
  if (given !== "nobody" && given !== "other") return;
  core.changeStay({ consent: "own" });
  core.send({ type: "consent" });
}

export function onConsent(core: Core, from: ParticipantId): void {
  if (core.peers.has(from) && consented(core) === "nobody") core.changeStay({ consent: "other" });
}

/**
 * Both would: the offerer restarts ICE, with candidates of all kinds. A server cannot have the user's addresses told who has
 * not consented.
 */
export function onDirect(core: Core): void {
  if (consented(core) !== "own") return;
  core.changeStay({ consent: "both" });
  for (const peer of core.peersInOrder()) peer.widen(iceHere(core), core.out);
}

/** How far the two of a room agree to a direct path, where that is asked. */
function consented(core: Core): Consent | undefined {
  return core.session.type === "staying" && core.session.stay.type === "in_room" ? core.session.stay.consent : undefined;
}
