/** Hosts, their rooms' doors, and who waits there. */

import type { Door } from "../../generated/Door";
import type { HostAction } from "../../generated/HostAction";
import type { Knock } from "../../generated/Knock";
import type { ParticipantId } from "../../generated/ParticipantId";
import { tell } from "../peer";
import * as session from "../session";
import type { Core } from "./core";

export function actAsHost(core: Core, action: HostAction): void {
  if (session.isInRoom(core.session)) core.send({ type: "host", payload: action });
}

export function onDoor(core: Core, door: Door): void {
  core.changeStay({ door });
}

export function onHost(core: Core, participant: ParticipantId): void {
  if (core.isMe(participant)) core.changeStay({ host: true });
  else if (core.peers.has(participant)) tell(core.out, { type: "host", participant });
}

export function onKnock(core: Core, { participant, name }: Knock): void {
  if (!session.isInRoom(core.session) || core.knocks.includes(participant)) return;
  core.knocks.push(participant);
  tell(core.out, { type: "knock", participant, name });
}

export function onKnockEnded(core: Core, participant: ParticipantId): void {
  if (!core.knocks.includes(participant)) return;
  core.knocks = core.knocks.filter((known) => known !== participant);
  tell(core.out, { type: "knock_ended", participant });
}

export function onMuted(core: Core, by: ParticipantId): void {
  if (session.isInRoom(core.session)) tell(core.out, { type: "muted", by });
}

/** In another stay the server tells of those who wait anew. */
export function forgetKnocks(core: Core): void {
  for (const participant of core.knocks.splice(0)) tell(core.out, { type: "knock_ended", participant });
}
