/** The call as a whole: the session with the server, and a peer for each other participant. */

import type { CallErrorCode } from "../generated/CallErrorCode";
import type { CallState } from "../generated/CallState";
import type { ClientMessage } from "../generated/ClientMessage";
import type { DisplayName } from "../generated/DisplayName";
import type { ErrorCode } from "../generated/ErrorCode";
import type { IceServer } from "../generated/IceServer";
import type { Input } from "../generated/Input";
import type { LeaveReason } from "../generated/LeaveReason";
import type { MediaState } from "../generated/MediaState";
import type { Output } from "../generated/Output";
import type { Participant } from "../generated/Participant";
import type { ParticipantId } from "../generated/ParticipantId";
import type { Resumed } from "../generated/Resumed";
import type { RoomName } from "../generated/RoomName";
import type { ServerMessage } from "../generated/ServerMessage";
import type { SessionToken } from "../generated/SessionToken";
import { Conversation } from "./conversation";
import { PROTOCOL_VERSION } from "./limits";
import { Peer, tell } from "./peer";
import * as session from "./session";
import type { Lost, Session, Wish } from "./session";

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
  #iceServers: IceServer[] = [];
  #peers = new Map<ParticipantId, Peer>();
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
        return this.#join(nowMs, input.room, input.name, input.media);
      case "leave":
        return this.#leave();
      case "set_media":
        return this.#setMedia(input.media);
      case "signaling_opened":
        return this.#onSignalingOpened(nowMs);
      case "signaling_closed":
        return this.#onSignalingClosed(nowMs);
      case "received":
        return this.#onMessage(nowMs, input.message);
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
        this.#out.push({ type: "close_signaling" });
        return this.#onSignalingClosed(nowMs);
      case "pausing":
        this.#session = session.connecting(nowMs, this.#session.lost);
        this.#out.push({ type: "open_signaling" });
        return;
      case "off":
      case "in_room":
        return;
    }
  }

  #join(nowMs: number, room: RoomName, name: DisplayName, media: MediaState): void {
    if (this.#session.type !== "off") return;
    this.#wish = { room, name, media };
    this.#session = session.connecting(nowMs, undefined);
    this.#tellState({ type: "joining" });
    this.#out.push({ type: "open_signaling" });
  }

  #leave(): void {
    if (this.#session.type === "off") return;
    if (this.#session.type === "in_room") this.#send({ type: "leave" });
    this.#end();
  }

  #setMedia(media: MediaState): void {
    const wish = this.#wish;
    if (wish === undefined) return;
    if (sameMedia(wish.media, media)) return;
    wish.media = media;
    if (session.isStay(this.#session)) this.#send({ type: "media", payload: media });
  }

  #onSignalingOpened(nowMs: number): void {
    if (!session.isAt(this.#session, "connection")) return;
    this.#session = session.advance(this.#session, nowMs, "welcome");
    const resume = this.#conversation?.resume();
    this.#send({
      type: "hello",
      payload: { protocol: PROTOCOL_VERSION, client: this.#client, ...(resume && { resume }) },
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
      case "in_room":
        lost = { you: this.#session.you, tries: 0 };
        this.#tellError("server_lost");
        this.#tellState({ type: "reconnecting" });
        break;
    }
    const pausing = session.pausing(nowMs, lost);
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
      case "in_room":
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
        return this.#onWelcome(nowMs, message.payload.ice_servers, message.payload.session, message.payload.resumed);
      case "joined":
        return this.#onJoined(nowMs, message.payload.room, message.payload.you, message.payload.participants);
      case "participant_joined":
        return this.#onParticipantJoined(nowMs, message.payload.participant);
      case "participant_left":
        if (this.#isMe(message.payload.participant)) return this.#onPlaceLost(nowMs);
        return this.#onParticipantLeft(message.payload.participant, message.payload.reason);
      case "description":
        return this.#peers
          .get(message.payload.from)
          ?.handleDescription(nowMs, message.payload.description, this.#out);
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
      // Answers to what only a shell asks.
      case "reported":
      case "blocked":
        return;
      case "error":
        return this.#onRefusal(message.payload.code, message.payload.message);
    }
  }

  #onWelcome(
    nowMs: number,
    iceServers: IceServer[],
    token: SessionToken | undefined,
    resumed: Resumed | undefined,
  ): void {
    if (!session.isAt(this.#session, "welcome")) return;
    this.#iceServers = iceServers;
    if (resumed !== undefined && this.#resume(nowMs, token, resumed)) return;
    this.#conversation = token === undefined ? undefined : new Conversation(token);
    this.#session = session.advance(this.#session, nowMs, "admission");
    // The server has kept a place that this client cannot take up again.
    if (resumed !== undefined) this.#send({ type: "leave" });
    this.#enter(nowMs);
  }

  /** Goes on where the last connection broke off, if that is possible: nothing has changed but what was missed. */
  #resume(nowMs: number, token: SessionToken | undefined, resumed: Resumed): boolean {
    if (this.#session.type !== "entering" || this.#session.lost === undefined) return false;
    if (this.#wish === undefined || !this.#conversation?.is(token)) return false;
    const missed = this.#conversation.after(resumed.received);
    if (missed === undefined) return false;
    const { you } = this.#session.lost;
    this.#session = { type: "in_room", you };
    this.#replay.push(...missed);
    this.#tellState({ type: "in_room", room: this.#wish.room, you });
    for (const peer of this.#peersInOrder()) peer.handleNetworkChange(nowMs);
    this.#handlePeerTimeouts(nowMs);
    return true;
  }

  #enter(nowMs: number): void {
    if (this.#wish === undefined) return;
    this.#session = session.advance(this.#session, nowMs, "admission");
    this.#send({ type: "join", payload: { ...this.#wish } });
  }

  /**
   * The server has taken this client out of the room, as it does with one that was away when somebody else needed the
   * place. It asks for another.
   */
  #onPlaceLost(nowMs: number): void {
    if (this.#session.type !== "in_room") return;
    const lost = { you: this.#session.you, tries: 0 };
    this.#tellState({ type: "reconnecting" });
    this.#session = session.connecting(nowMs, lost);
    this.#enter(nowMs);
  }

  #isMe(id: ParticipantId): boolean {
    return this.#session.type === "in_room" && this.#session.you === id;
  }

  #onJoined(nowMs: number, room: RoomName, you: ParticipantId, participants: Participant[]): void {
    if (!session.isAt(this.#session, "admission")) return;
    // After a lost server everybody is somebody new; the media of the old stay is over now, not before.
    for (const peer of this.#takePeers()) {
      peer.close(this.#out);
      tell(this.#out, { type: "participant_left", participant: peer.id, reason: "disconnected" });
    }
    this.#session = { type: "in_room", you };
    this.#tellState({ type: "in_room", room, you });
    for (const participant of participants) this.#onParticipantJoined(nowMs, participant);
  }

  #onParticipantJoined(nowMs: number, participant: Participant): void {
    if (this.#session.type !== "in_room") return;
    if (participant.id === this.#session.you || this.#peers.has(participant.id)) return;
    this.#peers.set(participant.id, Peer.open(nowMs, participant, this.#iceServers, this.#out));
  }

  #onParticipantLeft(id: ParticipantId, reason: LeaveReason): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    peer.close(this.#out);
    tell(this.#out, { type: "participant_left", participant: id, reason });
  }

  #onRefusal(code: ErrorCode, message: string): void {
    switch (code) {
      // The participant left while the message was on its way; or the server only takes its time, or keeps no reports.
      case "unknown_participant":
      case "not_in_room":
      case "rate_limited":
      case "unavailable":
        return;
      case "unsupported_protocol":
      case "room_full":
        return this.#fail(code);
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
      case "too_slow":
      case "superseded":
        return this.#session.type === "entering" ? this.#fail("message_refused") : this.#tellError("message_refused");
    }
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
    this.#tellState({ type: "ended" });
  }

  #handlePeerTimeouts(nowMs: number): void {
    const reachable = this.#session.type === "in_room";
    for (const peer of this.#peersInOrder()) peer.handleTimeout(nowMs, reachable, this.#out);
  }

  /** Gives a message a number in its session. Whether it is to be sent; if not, it waits for the session to go on. */
  #say(message: ClientMessage): boolean {
    this.#conversation?.handleSaid(message);
    switch (this.#session.type) {
      case "off":
      case "in_room":
        return true;
      case "pausing":
        return message.type === "hello";
      case "entering":
        return this.#session.step === "admission" || message.type === "hello";
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
