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
import type { RoomName } from "../generated/RoomName";
import type { ServerMessage } from "../generated/ServerMessage";
import { PROTOCOL_VERSION } from "./limits";
import { Peer, tell } from "./peer";
import * as session from "./session";
import type { Session, Wish } from "./session";

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
  #wish: Wish | undefined;
  #iceServers: IceServer[] = [];
  #peers = new Map<ParticipantId, Peer>();
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
    const reachable = this.#session.type === "in_room";
    for (const peer of this.#peersInOrder()) peer.handleTimeout(nowMs, reachable, this.#out);
  }

  /** When {@link handleTimeout} wants to be called next. */
  pollTimeoutMs(): number | undefined {
    const dues = [session.pollTimeoutMs(this.#session), ...this.#peersInOrder().map((peer) => peer.pollTimeoutMs())];
    return dues.filter((due) => due !== undefined).sort((a, b) => a - b)[0];
  }

  /** The next thing to do, in order. */
  pollOutput(): Output | undefined {
    return this.#out.shift();
  }

  #onSessionTimeout(nowMs: number): void {
    switch (this.#session.type) {
      case "entering":
        this.#out.push({ type: "close_signaling" });
        return this.#onSignalingClosed(nowMs);
      case "pausing":
        this.#session = session.connecting(nowMs, this.#session.tries);
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
    if (this.#session.type === "in_room") this.#send({ type: "media", payload: media });
  }

  #onSignalingOpened(nowMs: number): void {
    if (!session.isAt(this.#session, "connection")) return;
    this.#session = session.advance(this.#session, nowMs, "welcome");
    this.#send({ type: "hello", payload: { protocol: PROTOCOL_VERSION, client: this.#client } });
  }

  #onSignalingClosed(nowMs: number): void {
    let tries: number;
    switch (this.#session.type) {
      case "off":
      case "pausing":
        return;
      case "entering":
        if (this.#session.tries === undefined) return this.#fail("server_unreachable");
        tries = this.#session.tries;
        break;
      case "in_room":
        this.#tellError("server_lost");
        this.#tellState({ type: "reconnecting" });
        tries = 0;
        break;
    }
    const pausing = session.pausing(nowMs, tries);
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
    switch (message.type) {
      case "welcome":
        return this.#onWelcome(nowMs, message.payload.ice_servers);
      case "joined":
        return this.#onJoined(nowMs, message.payload.room, message.payload.you, message.payload.participants);
      case "participant_joined":
        return this.#onParticipantJoined(nowMs, message.payload.participant);
      case "participant_left":
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
      case "error":
        return this.#onRefusal(message.payload.code);
    }
  }

  #onWelcome(nowMs: number, iceServers: IceServer[]): void {
    if (!session.isAt(this.#session, "welcome") || this.#wish === undefined) return;
    this.#iceServers = iceServers;
    this.#session = session.advance(this.#session, nowMs, "admission");
    this.#send({ type: "join", payload: { ...this.#wish } });
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

  #onRefusal(code: ErrorCode): void {
    switch (code) {
      // The participant left while the message was on its way.
      case "unknown_participant":
      case "not_in_room":
        return;
      case "unsupported_protocol":
      case "room_full":
        return this.#fail(code);
      // The connection is closed next, and that begins the way back.
      case "shutting_down":
        return this.#tellError("server_closing");
      case "hello_expected":
      case "invalid_message":
      case "message_too_large":
      case "unexpected_message":
      case "too_slow":
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
    this.#tellState({ type: "ended" });
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

/** A screen that is not mentioned is not shared. */
function sameMedia(one: MediaState, other: MediaState): boolean {
  const same = (source: keyof MediaState): boolean => (one[source] ?? false) === (other[source] ?? false);
  return same("microphone") && same("camera") && same("screen");
}
