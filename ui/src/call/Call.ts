/** The call as a whole: the session with the server, and a peer for each other participant. */

import type { AccessToken } from "../generated/AccessToken";
import type { Again } from "../generated/Again";
import type { CallErrorCode } from "../generated/CallErrorCode";
import type { CallEvent } from "../generated/CallEvent";
import type { CallState } from "../generated/CallState";
import type { ClientMessage } from "../generated/ClientMessage";
import type { Consent } from "../generated/Consent";
import type { Door } from "../generated/Door";
import type { ErrorCode } from "../generated/ErrorCode";
import type { HostAction } from "../generated/HostAction";
import type { IceMode } from "../generated/IceMode";
import type { Input } from "../generated/Input";
import type { Knock } from "../generated/Knock";
import type { LeaveReason } from "../generated/LeaveReason";
import type { MediaState } from "../generated/MediaState";
import type { NotKept } from "../generated/NotKept";
import type { Output } from "../generated/Output";
import type { Participant } from "../generated/Participant";
import type { ParticipantId } from "../generated/ParticipantId";
import type { Resumed } from "../generated/Resumed";
import type { RoomName } from "../generated/RoomName";
import type { ServerMessage } from "../generated/ServerMessage";
import type { SessionToken } from "../generated/SessionToken";
import { Conversation } from "./conversation";
import { PROTOCOL_VERSION } from "./limits";
import { type Ice, Peer, tell } from "./peer";
import * as session from "./session";
import type { Lost, Session, Stay, Wish } from "./session";

/** Characters of what the server wants the user to read. */
const LONGEST_NOTICE = 1000;

/**
 * One client's stay in one room at a time: the twin of `crates/call`, held to the same scenario files.
 *
 * Feed it with {@link handle}, then take everything from {@link pollOutput}; call {@link handleTimeout} when
 * {@link pollTimeoutMs} has come. It owns no socket and no clock: times are milliseconds of any steady clock.
 */
export class Call {
  /** Program name and version, said in the hello. */
  readonly #client: string;
  #session: Session = { type: "off" };
  /** There once the server has named a session. */
  #conversation: Conversation | undefined;
  #wish: Wish | undefined;
  /** Whether the server knows what stranger is sought. */
  #isSought = false;
  #ice: Ice = { ice_servers: [] };
  #peers = new Map<ParticipantId, Peer>();
  /** Who waits in the lobby, as far as this client, a host, knows. */
  #knocks: ParticipantId[] = [];
  /** Reports and blocks that the server has not answered. */
  #unanswered = 0;
  /** Own messages that the server has missed; they have their numbers already. */
  readonly #replay: ClientMessage[] = [];
  readonly #out: Output[] = [];

  /** A call that is idle. `client` names the program and its version. */
  constructor(client: string) {
    this.#client = client;
  }

  handle(nowMs: number, input: Input): void {
    switch (input.type) {
      case "join":
        return this.#begin(nowMs, {
          meeting: { type: "join", payload: { room: input.room, name: input.name, media: input.media } },
          token: input.token,
        });
      case "seek":
        return this.#begin(nowMs, { meeting: { type: "seek", payload: input.seek }, token: input.token });
      case "next":
        return this.#next(nowMs);
      case "leave":
        return this.#leave();
      case "set_media":
        return this.#setMedia(input.media);
      case "consent":
        return this.#consent();
      case "report":
        return this.#askModerators({ type: "report", payload: input.report });
      case "block":
        return this.#askModerators({ type: "block", payload: { participant: input.participant } });
      case "host":
        return this.#actAsHost(input.action);
      case "signaling_opened":
        return this.#onSignalingOpened(nowMs);
      case "signaling_closed":
        return this.#onSignalingClosed(nowMs);
      case "received":
        return this.#onMessage(nowMs, input.message);
      case "received_unknown":
        return this.#conversation?.handleReceived();
      case "received_garbage":
        return this.#onGarbage();
      case "offer_created":
        return this.#peers.get(input.peer)?.handleOfferCreated(input.sdp, this.#out);
      case "answer_created":
        return this.#peers.get(input.peer)?.handleAnswerCreated(input.sdp, this.#out);
      case "answer_accepted":
        return this.#peers.get(input.peer)?.handleAnswerAccepted(this.#out);
      case "negotiation_failed":
        return this.#peers.get(input.peer)?.handleNegotiationFailed(this.#out);
      case "negotiation_needed":
        return this.#peers.get(input.peer)?.handleNegotiationNeeded(this.#out);
      case "local_candidate":
        return this.#peers.get(input.peer)?.handleLocalCandidate(input.candidate, this.#out);
      case "local_candidates_ended":
        return this.#peers.get(input.peer)?.handleLocalCandidatesEnd(input.ufrag, this.#out);
      case "path":
        return this.#peers.get(input.peer)?.handlePath(nowMs, input.state, this.#out);
      case "network_changed":
        return this.#onNetworkChanged(nowMs);
    }
  }

  /** Does what is due at `nowMs`. */
  handleTimeout(nowMs: number): void {
    const due = session.pollTimeoutMs(this.#session);
    if (due !== undefined && due <= nowMs) this.#onSessionTimeout(nowMs);
    this.#handlePeerTimeouts(nowMs);
  }

  /** When {@link handleTimeout} wants to be called next. */
  pollTimeoutMs(): number | undefined {
    const dues = [session.pollTimeoutMs(this.#session), ...this.#peersInOrder().map((peer) => peer.pollTimeoutMs())];
    return dues.filter((due) => due !== undefined).sort((a, b) => a - b)[0];
  }

  /** The next thing to do, in order. */
  pollOutput(): Output | undefined {
    const missed = this.#replay.shift();
    if (missed !== undefined) return { type: "send", message: missed };
    for (let output = this.#out.shift(); output !== undefined; output = this.#out.shift()) {
      if (output.type !== "send" || this.#say(output.message)) return output;
    }
    return undefined;
  }

  #onSessionTimeout(nowMs: number): void {
    switch (this.#session.type) {
      case "entering":
        if (this.#session.step === "another_try") return this.#enter(nowMs);
        this.#out.push({ type: "close_signaling" });
        return this.#onSignalingClosed(nowMs);
      case "pausing":
        this.#session = session.connecting(nowMs, this.#session.lost);
        this.#out.push({ type: "open_signaling" });
        return;
      case "off":
      case "staying":
        return;
    }
  }

  #begin(nowMs: number, wish: Wish): void {
    if (this.#session.type !== "off") return;
    this.#wish = wish;
    this.#session = session.connecting(nowMs, undefined);
    this.#tellState({ type: "joining" });
    this.#out.push({ type: "open_signaling" });
  }

  #leave(): void {
    if (this.#session.type === "off") return;
    if (this.#session.type === "staying") this.#send({ type: "leave" });
    this.#end();
  }

  #setMedia(media: MediaState): void {
    const wish = this.#wish;
    if (wish === undefined) return;
    if (sameMedia(wish.meeting.payload.media, media)) return;
    this.#wish = { ...wish, meeting: session.withMedia(wish.meeting, media) };
    if (session.isStay(this.#session)) this.#send({ type: "media", payload: media });
  }

  #onSignalingOpened(nowMs: number): void {
    if (!session.isAt(this.#session, "connection")) return;
    this.#session = session.advance(this.#session, nowMs, "welcome");
    const resume = this.#conversation?.resume();
    const token = this.#wish?.token;
    this.#send({
      type: "hello",
      payload: { protocol: PROTOCOL_VERSION, client: this.#client, ...(resume && { resume }), ...(token && { token }) },
    });
  }

  #onSignalingClosed(nowMs: number): void {
    let lost: Lost;
    switch (this.#session.type) {
      case "off":
      case "pausing":
        return;
      case "entering":
        if (this.#session.lost === undefined) return this.#fail("server_unreachable");
        lost = this.#session.lost;
        break;
      case "staying":
        lost = { stay: this.#session.stay, tries: 0, isOver: false };
        this.#tellError("server_lost");
        this.#tellState({ type: "reconnecting" });
        break;
    }
    const mediaFlows = this.#peersInOrder().some((peer) => peer.isConnected);
    const pausing = session.pausing(nowMs, lost, this.#conversation?.seed ?? "", mediaFlows);
    if (pausing === undefined) this.#fail("server_unreachable");
    else this.#session = pausing;
  }

  #onNetworkChanged(nowMs: number): void {
    const anew = session.handleNetworkChange(this.#session, nowMs);
    if (anew !== undefined) {
      this.#session = anew;
      this.#out.push({ type: "close_signaling" }, { type: "open_signaling" });
    }
    for (const peer of this.#peersInOrder()) peer.handleNetworkChange(nowMs);
  }

  #onGarbage(): void {
    this.#conversation?.handleReceived();
    switch (this.#session.type) {
      case "entering":
        return this.#fail("server_garbage");
      case "staying":
        return this.#tellError("server_garbage");
      case "off":
      case "pausing":
        return;
    }
  }

  #onMessage(nowMs: number, message: ServerMessage): void {
    if (isCounted(message)) this.#conversation?.handleReceived();
    switch (message.type) {
      case "welcome":
        this.#onGuest(message.payload.guest);
        return this.#onWelcome(nowMs, iceOf(message.payload), message.payload.session, message.payload.resumed);
      case "joined":
        return this.#onJoined(nowMs, message.payload);
      case "consent":
        return this.#onConsent(message.payload.from);
      case "direct":
        return this.#onDirect();
      case "queued":
        return this.#onQueued(message.payload.place, message.payload.waiting);
      case "waiting":
        return this.#onWaiting(message.payload.room);
      case "turned_away":
        if (session.isWaiting(this.#session)) this.#fail("turned_away");
        return;
      case "knock":
        return this.#onKnock(message.payload);
      case "knock_ended":
        return this.#onKnockEnded(message.payload.participant);
      case "door":
        return this.#onDoor(message.payload.door);
      case "host":
        return this.#onHost(message.payload.participant);
      case "muted":
        if (session.isInRoom(this.#session)) tell(this.#out, { type: "muted", by: message.payload.by });
        return;
      case "participant_joined":
        return this.#onParticipantJoined(nowMs, message.payload.participant);
      case "participant_left":
        if (this.#isMe(message.payload.participant)) return this.#onTakenOut(nowMs, message.payload.reason);
        return this.#onParticipantLeft(message.payload.participant, message.payload.reason);
      case "description":
        return this.#peers
          .get(message.payload.from)
          ?.handleDescription(nowMs, message.payload.description, this.#iceHere, this.#out);
      case "candidates":
        for (const candidate of message.payload.candidates) {
          this.#peers.get(message.payload.from)?.handleRemoteTrickle({ type: "candidate", candidate }, this.#out);
        }
        return;
      case "end_of_candidates":
        return this.#peers
          .get(message.payload.from)
          ?.handleRemoteTrickle({ type: "end", ufrag: message.payload.ufrag }, this.#out);
      case "media":
        if (this.#peers.has(message.payload.from)) {
          tell(this.#out, { type: "media", participant: message.payload.from, media: message.payload.media });
        }
        return;
      case "reported":
        return this.#onKept({ type: "reported", report: message.payload.report });
      case "blocked":
        return this.#onKept({ type: "blocked", participant: message.payload.participant });
      case "error":
        return this.#onError(nowMs, message.payload);
    }
  }

  #onError(nowMs: number, { code, message, retry_after_ms }: Extract<ServerMessage, { type: "error" }>["payload"]): void {
    if (code === "unavailable" && retry_after_ms !== undefined && session.isAt(this.#session, "admission")) {
      this.#session = session.askLater(this.#session, nowMs, retry_after_ms);
    } else {
      this.#onRefusal(nowMs, code, message);
    }
  }

  #onWelcome(
    nowMs: number,
    ice: Ice,
    token: SessionToken | undefined,
    resumed: Resumed | undefined,
  ): void {
    if (!session.isAt(this.#session, "welcome")) return;
    this.#ice = ice;
    if (resumed !== undefined && this.#resume(nowMs, token, resumed)) return;
    this.#conversation = token === undefined ? undefined : new Conversation(token);
    this.#forgetUnanswered();
    this.#session = session.advance(this.#session, nowMs, "admission");
    // The server has kept a place that this client cannot take up again.
    if (resumed !== undefined) {
      this.#send({ type: "leave" });
      this.#session = session.withoutStay(this.#session);
    }
    this.#enter(nowMs);
  }

  /** The server has said who this client is to it, which holds for the connections that follow, too. */
  #onGuest(token: AccessToken | undefined): void {
    // Other servers may write null for what is not there.
    if (!token || this.#wish === undefined || !session.isAt(this.#session, "welcome")) return;
    this.#wish.token = token;
    this.#out.push({ type: "keep_guest", token });
  }

  /** Goes on where the last connection broke off, if that is possible: nothing has changed but what was missed. */
  #resume(nowMs: number, token: SessionToken | undefined, resumed: Resumed): boolean {
    if (this.#session.type !== "entering" || this.#session.lost === undefined) return false;
    if (this.#wish === undefined || !this.#conversation?.is(token)) return false;
    const missed = this.#conversation.after(resumed.received);
    if (missed === undefined) return false;
    this.#replay.push(...missed);
    this.#stay(this.#session.lost.stay);
    for (const peer of this.#peersInOrder()) peer.handleNetworkChange(nowMs);
    this.#handlePeerTimeouts(nowMs);
    return true;
  }

  #enter(nowMs: number): void {
    if (this.#wish === undefined) return;
    this.#session = session.advance(this.#session, nowMs, "admission");
    const lost = session.lostRoom(this.#session);
    const { meeting } = this.#wish;
    const message = lost === undefined ? meeting : session.returning(meeting, lost.room, this.#again(lost));
    this.#isSought = message.type === "seek";
    this.#send(message);
  }

  #again({ you, door }: Extract<Stay, { type: "in_room" }>): Again {
    const others = this.#peersInOrder().map(({ id }) => id);
    return { you, ...(others.length > 0 && { others }), ...(door !== "open" && { door }) };
  }

  /** The server has no place in the lost room for this client. */
  #onNoReturn(nowMs: number, code: CallErrorCode): void {
    if (this.#wish?.meeting.type !== "seek" || session.lostRoom(this.#session) === undefined) return this.#refuse(code);
    this.#session = session.withoutStay(this.#session);
    this.#enter(nowMs);
  }

  /** Who may open the room is perhaps not back yet. */
  #onForbidden(nowMs: number): void {
    if (session.lostRoom(this.#session) === undefined || !session.mayTryAgain(this.#session)) return this.#refuse("forbidden");
    this.#out.push({ type: "close_signaling" });
    this.#onSignalingClosed(nowMs);
  }

  /** The server has taken this client out of the room: a host wanted it, or it was away when somebody else needed the place. */
  #onTakenOut(nowMs: number, reason: LeaveReason): void {
    switch (reason) {
      case "removed":
        return this.#fail("removed");
      case "ended":
        return this.#fail("ended_by_host");
      case "left":
      case "disconnected":
        return this.#askForAnotherPlace(nowMs);
    }
  }

  #askForAnotherPlace(nowMs: number): void {
    if (this.#session.type !== "staying") return;
    const lost = { stay: this.#session.stay, tries: 0, isOver: true };
    this.#tellState({ type: "reconnecting" });
    this.#session = session.connecting(nowMs, lost);
    this.#enter(nowMs);
  }

  #isMe(id: ParticipantId): boolean {
    return this.#session.type === "staying" && this.#session.stay.type === "in_room" && this.#session.stay.you === id;
  }

  #onJoined(
    nowMs: number,
    { room, you, participants, host = false, door = "open", ice_mode }: Extract<ServerMessage, { type: "joined" }>["payload"],
  ): void {
    if (!session.isAt(this.#session, "admission") && !session.isWaiting(this.#session)) return;
    const stay = { type: "in_room" as const, room, you, host, door, consent: this.#askedFor(ice_mode) };
    // The client is who it was before the server was lost, so that the others know it, too.
    if (session.lostRoom(this.#session)?.you === you) this.#goOn(nowMs, stay, participants);
    else this.#beginStay(stay);
    for (const participant of participants) this.#onParticipantJoined(nowMs, participant);
  }

  /** The stay goes on, with those who were there before; who is not back yet has some time for it. */
  #goOn(nowMs: number, stay: Extract<Stay, { type: "in_room" }>, participants: Participant[]): void {
    this.#forgetKnocks();
    const consent = this.#consentKept(stay.consent);
    const consents = stay.consent !== undefined && (consent === "own" || consent === "both");
    this.#stay({ ...stay, consent });
    if (consents) this.#send({ type: "consent" });
    const present = new Set(participants.map(({ id }) => id));
    for (const peer of this.#peersInOrder()) if (!present.has(peer.id)) peer.handleMissing(nowMs);
  }

  #onWaiting(room: RoomName): void {
    // Once more while it waits: who could have let it in is gone, and others are there to ask.
    if (session.isAt(this.#session, "admission") || session.isWaiting(this.#session)) {
      this.#beginStay({ type: "waiting", room });
    }
  }

  #onQueued(place: number, waiting: number): void {
    if (session.isAt(this.#session, "admission") || session.isWaiting(this.#session)) {
      this.#beginStay({ type: "queued", place, waiting });
    }
  }

  /** Leaves the stranger at once; the next one comes as the first did. */
  #next(nowMs: number): void {
    if (this.#wish?.meeting.type !== "seek" || !session.isInRoom(this.#session)) return;
    this.#leavePeers("left");
    this.#session = session.advance(session.connecting(nowMs, undefined), nowMs, "admission");
    this.#tellState({ type: "joining" });
    if (this.#isSought) return this.#send({ type: "next" });
    this.#send({ type: "leave" });
    this.#enter(nowMs);
  }

  /** Everybody is somebody new; the media of an old stay is over now, not before. */
  #beginStay(stay: Stay): void {
    this.#leavePeers("disconnected");
    this.#forgetKnocks();
    this.#stay(stay);
  }

  /** In another stay the server tells of those who wait anew. */
  #forgetKnocks(): void {
    for (const participant of this.#knocks.splice(0)) tell(this.#out, { type: "knock_ended", participant });
  }

  #leavePeers(reason: LeaveReason): void {
    for (const peer of this.#takePeers()) {
      peer.close(this.#out);
      tell(this.#out, { type: "participant_left", participant: peer.id, reason });
    }
  }

  #stay(stay: Stay): void {
    this.#session = { type: "staying", stay };
    this.#tellState(session.stateOf(stay));
  }

  #actAsHost(action: HostAction): void {
    if (session.isInRoom(this.#session)) this.#send({ type: "host", payload: action });
  }

  /** Says it, now or when the session goes on. The one it is about may have left, and the user be looking for another one. */
  #askModerators(message: ClientMessage): void {
    if (!session.isStay(this.#session) && !session.isAt(this.#session, "admission")) return;
    this.#unanswered += 1;
    this.#send(message);
  }

  #onKept(event: CallEvent): void {
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    tell(this.#out, event);
  }

  /**
   * Errors do not say what they answer: while something is unanswered this is taken for it. Should it have been something else,
   * the answer is told when it comes.
   */
  #onNotKept(why: NotKept): void {
    if (this.#unanswered === 0) return;
    this.#unanswered -= 1;
    tell(this.#out, { type: "not_kept", why });
  }

  /** The session in which it was said is gone. */
  #forgetUnanswered(): void {
    while (this.#unanswered > 0) this.#onNotKept("unavailable");
  }

  #onDoor(door: Door): void {
    this.#changeStay({ door });
  }

  #onHost(participant: ParticipantId): void {
    if (this.#isMe(participant)) this.#changeStay({ host: true });
    else if (this.#peers.has(participant)) tell(this.#out, { type: "host", participant });
  }

  #onKnock({ participant, name }: Knock): void {
    if (!session.isInRoom(this.#session) || this.#knocks.includes(participant)) return;
    this.#knocks.push(participant);
    tell(this.#out, { type: "knock", participant, name });
  }

  #onKnockEnded(participant: ParticipantId): void {
    if (!this.#knocks.includes(participant)) return;
    this.#knocks = this.#knocks.filter((known) => known !== participant);
    tell(this.#out, { type: "knock_ended", participant });
  }

  /** Whether a room with such paths asks for consent. Where the welcome has everybody relayed, nothing else is to be had. */
  #askedFor(iceMode: IceMode | undefined): Consent | undefined {
    return iceMode === "relay" && this.#ice.ice_mode !== "relay" ? "nobody" : undefined;
  }

  /** How far the two of a room agree to a direct path, where that is asked. */
  get #consented(): Consent | undefined {
    return this.#session.type === "staying" && this.#session.stay.type === "in_room" ? this.#session.stay.consent : undefined;
  }

  /** Where paths are found in this room, and which of them media may take. */
  get #iceHere(): Ice {
    const consent = session.consent(this.#session);
    return consent === undefined || consent === "both" ? this.#ice : { ...this.#ice, ice_mode: "relay" };
  }

  /** What holds in a stay that goes on, of which the server has forgotten who consented: all say so again. */
  #consentKept(askedFor: Consent | undefined): Consent | undefined {
    const kept = session.consent(this.#session);
    return kept === undefined ? askedFor : kept === "other" ? "nobody" : kept;
  }

  #consent(): void {
    const consent = this.#consented;
    if (consent !== "nobody" && consent !== "other") return;
    this.#changeStay({ consent: "own" });
    this.#send({ type: "consent" });
  }

  #onConsent(from: ParticipantId): void {
    if (this.#peers.has(from) && this.#consented === "nobody") this.#changeStay({ consent: "other" });
  }

  /**
   * Both would: the offerer restarts ICE, with candidates of all kinds. A server cannot have the user's addresses told who has
   * not consented.
   */
  #onDirect(): void {
    if (this.#consented !== "own") return;
    this.#changeStay({ consent: "both" });
    for (const peer of this.#peersInOrder()) peer.widen(this.#iceHere, this.#out);
  }

  #changeStay(change: { host: boolean } | { door: Door } | { consent: Consent }): void {
    if (this.#session.type !== "staying" || this.#session.stay.type !== "in_room") return;
    this.#stay({ ...this.#session.stay, ...change });
  }

  #onParticipantJoined(nowMs: number, participant: Participant): void {
    if (!session.isInRoom(this.#session)) return;
    if (this.#isMe(participant.id)) return;
    const ice = this.#iceHere;
    const known = this.#peers.get(participant.id);
    if (known !== undefined) {
      known.goOn(nowMs, participant, ice, this.#out);
      known.handleTimeout(nowMs, true, ice, this.#out);
      return;
    }
    this.#peers.set(participant.id, Peer.open(nowMs, participant, ice, this.#out));
  }

  #onParticipantLeft(id: ParticipantId, reason: LeaveReason): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    peer.close(this.#out);
    tell(this.#out, { type: "participant_left", participant: id, reason });
  }

  #onRefusal(nowMs: number, code: ErrorCode, message: string): void {
    switch (code) {
      // The participant left while the message was on its way; or the server only takes its time. Or that was a report's or a
      // block's answer.
      case "unknown_participant":
        return this.#onNotKept("too_late");
      case "unavailable":
        return this.#onNotKept("unavailable");
      case "rate_limited":
        // Nothing but the hello was said: it is refused. Who is on the way back tries again later.
        if (session.isFirstHello(this.#session)) return this.#fail("too_many_connections");
        return this.#onNotKept("too_many");
      case "not_in_room":
        return;
      case "unsupported_protocol":
      case "unauthorized":
        return this.#fail(code);
      case "room_full":
      case "room_locked":
        return this.#onNoReturn(nowMs, code);
      case "forbidden":
        return this.#onForbidden(nowMs);
      case "matching_off":
        return this.#refuse(code);
      case "banned":
        tell(this.#out, { type: "notice", text: [...message].slice(0, LONGEST_NOTICE).join("") });
        return this.#fail(code);
      // The connection is closed next, and that begins the way back.
      case "shutting_down":
        return this.#tellError("server_closing");
      case "hello_expected":
      case "invalid_message":
      case "message_too_large":
      case "unexpected_message":
      case "not_host":
      case "too_slow":
      case "superseded":
        return this.#refuse("message_refused");
    }
  }

  /** On the way in that is the end; in the room it is what one message was told. */
  #refuse(code: CallErrorCode): void {
    if (this.#session.type === "entering") this.#fail(code);
    else this.#tellError(code);
  }

  #fail(code: CallErrorCode): void {
    if (this.#session.type === "off") return;
    this.#tellError(code);
    this.#end();
  }

  #end(): void {
    for (const peer of this.#takePeers()) peer.close(this.#out);
    this.#out.push({ type: "close_signaling" });
    this.#session = { type: "off" };
    this.#wish = undefined;
    this.#conversation = undefined;
    this.#knocks = [];
    this.#unanswered = 0;
    this.#tellState({ type: "ended" });
  }

  #handlePeerTimeouts(nowMs: number): void {
    const reachable = session.isInRoom(this.#session);
    const ice = this.#iceHere;
    const gone: ParticipantId[] = [];
    for (const peer of this.#peersInOrder()) {
      peer.handleTimeout(nowMs, reachable, ice, this.#out);
      if (peer.hasMissedReturn(nowMs, reachable)) gone.push(peer.id);
    }
    for (const id of gone) this.#onParticipantLeft(id, "disconnected");
  }

  /** Gives a message a number in its session. Whether it is to be sent; if not, it waits for the session to go on. */
  #say(message: ClientMessage): boolean {
    this.#conversation?.handleSaid(message);
    switch (this.#session.type) {
      case "off":
      case "staying":
        return true;
      case "pausing":
        return message.type === "hello";
      case "entering":
        return this.#session.step === "admission" || this.#session.step === "another_try" || message.type === "hello";
    }
  }

  #takePeers(): Peer[] {
    const peers = this.#peersInOrder();
    this.#peers = new Map();
    return peers;
  }

  /** By id: the order in which both implementations of the core do things. */
  #peersInOrder(): Peer[] {
    return [...this.#peers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #send(message: ClientMessage): void {
    this.#out.push({ type: "send", message });
  }

  #tellState(state: CallState): void {
    tell(this.#out, { type: "state", state });
  }

  #tellError(code: CallErrorCode): void {
    tell(this.#out, { type: "error", code });
  }
}

/** Whether a message of the server has a number in its session; what answers a connection has none. */
function isCounted(message: ServerMessage): boolean {
  return message.type !== "welcome" && message.type !== "error";
}

/** A screen that is not mentioned is not shared. */
function sameMedia(one: MediaState, other: MediaState): boolean {
  const same = (source: keyof MediaState): boolean => (one[source] ?? false) === (other[source] ?? false);
  return same("microphone") && same("camera") && same("screen");
}

/** Where paths are found, and which media may take; other servers may write null for what is not there. */
function iceOf({ ice_servers, ice_mode }: Extract<ServerMessage, { type: "welcome" }>["payload"]): Ice {
  return { ice_servers, ...(ice_mode && { ice_mode }) };
}
