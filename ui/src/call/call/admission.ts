/** The way into the room, and back after the server was lost. */

import type { AccessToken } from "../../generated/AccessToken";
import type { Again } from "../../generated/Again";
import type { CallErrorCode } from "../../generated/CallErrorCode";
import type { ErrorCode } from "../../generated/ErrorCode";
import type { LeaveReason } from "../../generated/LeaveReason";
import type { Participant } from "../../generated/Participant";
import type { Resumed } from "../../generated/Resumed";
import type { RoomName } from "../../generated/RoomName";
import type { ServerMessage } from "../../generated/ServerMessage";
import type { SessionToken } from "../../generated/SessionToken";
import { Conversation } from "../conversation";
import { PROTOCOL_VERSION } from "../limits";
import { type Ice, tell } from "../peer";
import * as session from "../session";
import type { Lost, Stay } from "../session";
import { askedFor, consentKept } from "./consent";
import type { Core } from "./core";
import { forgetKnocks } from "./hosting";
import { forgetUnanswered, onNotKept } from "./moderation";

/** Characters of what the server wants the user to read. */
const LONGEST_NOTICE = 1000;

type InRoom = Extract<Stay, { type: "in_room" }>;

export function onSignalingOpened(core: Core, nowMs: number): void {
  if (!session.isAt(core.session, "connection")) return;
  core.session = session.advance(core.session, nowMs, "welcome");
  const resume = core.conversation?.resume();
  const token = core.wish?.token;
  core.send({
    type: "hello",
    payload: { protocol: PROTOCOL_VERSION, client: core.client, ...(resume && { resume }), ...(token && { token }) },
  });
}

export function onSignalingClosed(core: Core, nowMs: number): void {
  let lost: Lost;
  switch (core.session.type) {
    case "off":
    case "pausing":
      return;
    case "entering":
      if (core.session.lost === undefined) return core.fail("server_unreachable");
      lost = core.session.lost;
      break;
    case "staying":
      lost = { stay: core.session.stay, tries: 0, isOver: false };
      core.tellError("server_lost");
      core.tellState({ type: "reconnecting" });
      break;
  }
  const mediaFlows = core.peersInOrder().some((peer) => peer.isConnected);
  const pausing = session.pausing(nowMs, lost, core.conversation?.seed ?? "", mediaFlows);
  if (pausing === undefined) core.fail("server_unreachable");
  else core.session = pausing;
}

export function onWelcome(
  core: Core,
  nowMs: number,
  ice: Ice,
  pathReports: boolean,
  token: SessionToken | undefined,
  resumed: Resumed | undefined,
): void {
  if (!session.isAt(core.session, "welcome")) return;
  core.ice = ice;
  core.pathReports = pathReports;
  if (resumed !== undefined && resume(core, nowMs, token, resumed)) return;
  core.conversation = token === undefined ? undefined : new Conversation(token);
  forgetUnanswered(core);
  core.session = session.advance(core.session, nowMs, "admission");
  // The server has kept a place that this client cannot take up again.
  if (resumed !== undefined) {
    core.send({ type: "leave" });
    core.session = session.withoutStay(core.session);
  }
  enter(core, nowMs);
}

/** The server has said who this client is to it, which holds for the connections that follow, too. */
export function onGuest(core: Core, token: AccessToken | undefined): void {
  // Other servers may write null for what is not there.
  if (!token || core.wish === undefined || !session.isAt(core.session, "welcome")) return;
  core.wish.token = token;
  core.out.push({ type: "keep_guest", token });
}

/** Goes on where the last connection broke off, if that is possible: nothing has changed but what was missed. */
function resume(core: Core, nowMs: number, token: SessionToken | undefined, resumed: Resumed): boolean {
  if (core.session.type !== "entering" || core.session.lost === undefined) return false;
  if (core.wish === undefined || !core.conversation?.is(token)) return false;
  const missed = core.conversation.after(resumed.received);
  if (missed === undefined) return false;
  core.replay.push(...missed);
  core.stay(core.session.lost.stay);
  for (const peer of core.peersInOrder()) peer.handleNetworkChange(nowMs);
  core.handlePeerTimeouts(nowMs);
  return true;
}

export function enter(core: Core, nowMs: number): void {
  if (core.wish === undefined) return;
  core.session = session.advance(core.session, nowMs, "admission");
  const lost = session.lostRoom(core.session);
  const { meeting } = core.wish;
  const message = lost === undefined ? meeting : session.returning(meeting, lost.room, again(core, lost));
  core.isSought = message.type === "seek";
  core.send(message);
}

function again(core: Core, { you, door }: InRoom): Again {
  const others = core.peersInOrder().map(({ id }) => id);
  return { you, ...(others.length > 0 && { others }), ...(door !== "open" && { door }) };
}

/** The server has no place in the lost room for this client. */
function onNoReturn(core: Core, nowMs: number, code: CallErrorCode): void {
  if (core.wish?.meeting.type !== "seek" || session.lostRoom(core.session) === undefined) return refuse(core, code);
  core.session = session.withoutStay(core.session);
  enter(core, nowMs);
}

/** Who may open the room is perhaps not back yet. */
function onForbidden(core: Core, nowMs: number): void {
  if (session.lostRoom(core.session) === undefined || !session.mayTryAgain(core.session)) return refuse(core, "forbidden");
  core.out.push({ type: "close_signaling" });
  onSignalingClosed(core, nowMs);
}

/** The server has taken this client out of the room: a host wanted it, or it was away when somebody else needed the place. */
export function onTakenOut(core: Core, nowMs: number, reason: LeaveReason): void {
  switch (reason) {
    case "removed":
      return core.fail("removed");
    case "ended":
      return core.fail("ended_by_host");
    case "left":
    case "disconnected":
      return askForAnotherPlace(core, nowMs);
  }
}

function askForAnotherPlace(core: Core, nowMs: number): void {
  if (core.session.type !== "staying") return;
  const lost = { stay: core.session.stay, tries: 0, isOver: true };
  core.tellState({ type: "reconnecting" });
  core.session = session.connecting(nowMs, lost);
  enter(core, nowMs);
}

export function onJoined(
  core: Core,
  nowMs: number,
  { room, you, participants, host = false, door = "open", ice_mode }: Extract<ServerMessage, { type: "joined" }>["payload"],
): void {
  if (!session.isAt(core.session, "admission") && !session.isWaiting(core.session)) return;
  const stay = { type: "in_room" as const, room, you, host, door, consent: askedFor(core, ice_mode) };
  // The client is who it was before the server was lost, so that the others know it, too.
  if (session.lostRoom(core.session)?.you === you) goOn(core, nowMs, stay, participants);
  else beginStay(core, stay);
  for (const participant of participants) core.onParticipantJoined(nowMs, participant);
}

/** The stay goes on, with those who were there before; who is not back yet has some time for it. */
function goOn(core: Core, nowMs: number, stay: InRoom, participants: Participant[]): void {
  forgetKnocks(core);
  const consent = consentKept(core, stay.consent);
  const consents = stay.consent !== undefined && (consent === "own" || consent === "both");
  core.stay({ ...stay, consent });
  if (consents) core.send({ type: "consent" });
  const present = new Set(participants.map(({ id }) => id));
  for (const peer of core.peersInOrder()) if (!present.has(peer.id)) peer.handleMissing(nowMs);
}

export function onWaiting(core: Core, room: RoomName): void {
  // Once more while it waits: who could have let it in is gone, and others are there to ask.
  if (session.isAt(core.session, "admission") || session.isWaiting(core.session)) beginStay(core, { type: "waiting", room });
}

export function onQueued(core: Core, place: number, waiting: number): void {
  if (session.isAt(core.session, "admission") || session.isWaiting(core.session)) {
    beginStay(core, { type: "queued", place, waiting });
  }
}

/** Leaves the stranger at once; the next one comes as the first did. */
export function next(core: Core, nowMs: number): void {
  if (core.wish?.meeting.type !== "seek" || !session.isInRoom(core.session)) return;
  leavePeers(core, "left");
  core.session = session.advance(session.connecting(nowMs, undefined), nowMs, "admission");
  core.tellState({ type: "joining" });
  if (core.isSought) return core.send({ type: "next" });
  core.send({ type: "leave" });
  enter(core, nowMs);
}

export function onTurnedAway(core: Core): void {
  if (session.isWaiting(core.session)) core.fail("turned_away");
}

/** Everybody is somebody new; the media of an old stay is over now, not before. */
function beginStay(core: Core, stay: Stay): void {
  leavePeers(core, "disconnected");
  forgetKnocks(core);
  core.stay(stay);
}

function leavePeers(core: Core, reason: LeaveReason): void {
  for (const peer of core.takePeers()) {
    peer.close(core.out);
    tell(core.out, { type: "participant_left", participant: peer.id, reason });
  }
}

export function onError(
  core: Core,
  nowMs: number,
  { code, message, retry_after_ms }: Extract<ServerMessage, { type: "error" }>["payload"],
): void {
  if (code === "unavailable" && retry_after_ms !== undefined && session.isAt(core.session, "admission")) {
    core.session = session.askLater(core.session, nowMs, retry_after_ms);
  } else {
    onRefusal(core, nowMs, code, message);
  }
}

function onRefusal(core: Core, nowMs: number, code: ErrorCode, message: string): void {
  switch (code) {
    // The participant left while the message was on its way; or the server only takes its time. Or that was a report's or a
    // block's answer.
    case "unknown_participant":
      return onNotKept(core, "too_late");
    case "unavailable":
      return onNotKept(core, "unavailable");
    case "rate_limited":
      // Nothing but the hello was said: it is refused. Who is on the way back tries again later.
      if (session.isFirstHello(core.session)) return core.fail("too_many_connections");
      return onNotKept(core, "too_many");
    case "not_in_room":
      return;
    case "unsupported_protocol":
    case "unauthorized":
      return core.fail(code);
    case "room_full":
    case "room_locked":
      return onNoReturn(core, nowMs, code);
    case "forbidden":
      return onForbidden(core, nowMs);
    case "matching_off":
      return refuse(core, code);
    case "banned":
      tell(core.out, { type: "notice", text: [...message].slice(0, LONGEST_NOTICE).join("") });
      return core.fail(code);
    // The connection is closed next, and that begins the way back.
    case "shutting_down":
      return core.tellError("server_closing");
    case "hello_expected":
    case "invalid_message":
    case "message_too_large":
    case "unexpected_message":
    case "not_host":
    case "too_slow":
    case "superseded":
      return refuse(core, "message_refused");
  }
}

/** On the way in that is the end; in the room it is what one message was told. */
function refuse(core: Core, code: CallErrorCode): void {
  if (core.session.type === "entering") core.fail(code);
  else core.tellError(code);
}
