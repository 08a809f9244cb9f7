/** The call as a whole: the session with the server, and a peer for each other participant. */

import type { ClientMessage } from "../generated/ClientMessage";
import type { Input } from "../generated/Input";
import type { MediaState } from "../generated/MediaState";
import type { Output } from "../generated/Output";
import type { ServerMessage } from "../generated/ServerMessage";
import * as admission from "./call/admission";
import * as consent from "./call/consent";
import { Core } from "./call/core";
import * as hosting from "./call/hosting";
import * as moderation from "./call/moderation";
import * as paths from "./call/paths";
import { type Ice, tell } from "./peer";
import * as session from "./session";
import type { Wish } from "./session";

/**
 * One client's stay in one room at a time: the twin of `crates/call`, held to the same scenario files.
 *
 * Feed it with {@link handle}, then take everything from {@link pollOutput}; call {@link handleTimeout} when
 * {@link pollTimeoutMs} has come. It owns no socket and no clock: times are milliseconds of any steady clock.
 */
export class Call {
  readonly #core: Core;

  /** A call that is idle. `client` names the program and its version. */
  constructor(client: string) {
    this.#core = new Core(client);
  }

  handle(nowMs: number, input: Input): void {
    const core = this.#core;
    switch (input.type) {
      case "join":
        return this.#begin(nowMs, {
          meeting: { type: "join", payload: { room: input.room, name: input.name, media: input.media } },
          token: input.token,
        });
      case "seek":
        return this.#begin(nowMs, { meeting: { type: "seek", payload: input.seek }, token: input.token });
      case "next":
        return admission.next(core, nowMs);
      case "leave":
        return this.#leave();
      case "set_media":
        return this.#setMedia(input.media);
      case "consent":
        return consent.consent(core);
      case "report":
        return moderation.askModerators(core, { type: "report", payload: input.report });
      case "block":
        return moderation.askModerators(core, { type: "block", payload: { participant: input.participant } });
      case "host":
        return hosting.actAsHost(core, input.action);
      case "signaling_opened":
        return admission.onSignalingOpened(core, nowMs);
      case "signaling_closed":
        return admission.onSignalingClosed(core, nowMs);
      case "received":
        return this.#onMessage(nowMs, input.message);
      case "received_unknown":
        return core.conversation?.handleReceived();
      case "received_garbage":
        return this.#onGarbage();
      case "offer_created":
        return core.peers.get(input.peer)?.handleOfferCreated(input.sdp, core.out);
      case "answer_created":
        return core.peers.get(input.peer)?.handleAnswerCreated(input.sdp, core.out);
      case "answer_accepted":
        return core.peers.get(input.peer)?.handleAnswerAccepted(core.out);
      case "negotiation_failed":
        return core.peers.get(input.peer)?.handleNegotiationFailed(core.out);
      case "negotiation_needed":
        return core.peers.get(input.peer)?.handleNegotiationNeeded(core.out);
      case "local_candidate":
        return core.peers.get(input.peer)?.handleLocalCandidate(input.candidate, core.out);
      case "local_candidates_ended":
        return core.peers.get(input.peer)?.handleLocalCandidatesEnd(input.ufrag, core.out);
      case "path":
        return paths.onPath(core, nowMs, input.peer, input.state);
      case "selected_pair":
        return paths.onSelectedPair(core, nowMs, input.peer, input.pair);
      case "network_changed":
        return this.#onNetworkChanged(nowMs);
    }
  }

  /** Does what is due at `nowMs`. */
  handleTimeout(nowMs: number): void {
    const due = session.pollTimeoutMs(this.#core.session);
    if (due !== undefined && due <= nowMs) this.#onSessionTimeout(nowMs);
    this.#core.handlePeerTimeouts(nowMs);
  }

  /** When {@link handleTimeout} wants to be called next. */
  pollTimeoutMs(): number | undefined {
    const { session: current } = this.#core;
    const dues = [session.pollTimeoutMs(current), ...this.#core.peersInOrder().map((peer) => peer.pollTimeoutMs())];
    return dues.filter((due) => due !== undefined).sort((a, b) => a - b)[0];
  }

  /** The next thing to do, in order. */
  pollOutput(): Output | undefined {
    const { out, replay } = this.#core;
    const missed = replay.shift();
    if (missed !== undefined) return { type: "send", message: missed };
    for (let output = out.shift(); output !== undefined; output = out.shift()) {
      if (output.type !== "send" || this.#say(output.message)) return output;
    }
    return undefined;
  }

  #onSessionTimeout(nowMs: number): void {
    const core = this.#core;
    switch (core.session.type) {
      case "entering":
        if (core.session.step === "another_try") return admission.enter(core, nowMs);
        core.out.push({ type: "close_signaling" });
        return admission.onSignalingClosed(core, nowMs);
      case "pausing":
        core.session = session.connecting(nowMs, core.session.lost);
        core.out.push({ type: "open_signaling" });
        return;
      case "off":
      case "staying":
        return;
    }
  }

  #begin(nowMs: number, wish: Wish): void {
    const core = this.#core;
    if (core.session.type !== "off") return;
    core.wish = wish;
    core.session = session.connecting(nowMs, undefined);
    core.tellState({ type: "joining" });
    core.out.push({ type: "open_signaling" });
  }

  #leave(): void {
    if (this.#core.session.type === "off") return;
    if (this.#core.session.type === "staying") this.#core.send({ type: "leave" });
    this.#core.end();
  }

  #setMedia(media: MediaState): void {
    const { wish } = this.#core;
    if (wish === undefined) return;
    if (sameMedia(wish.meeting.payload.media, media)) return;
    this.#core.wish = { ...wish, meeting: session.withMedia(wish.meeting, media) };
    if (session.isStay(this.#core.session)) this.#core.send({ type: "media", payload: media });
  }

  #onNetworkChanged(nowMs: number): void {
    const core = this.#core;
    const anew = session.handleNetworkChange(core.session, nowMs);
    if (anew !== undefined) {
      core.session = anew;
      core.out.push({ type: "close_signaling" }, { type: "open_signaling" });
    }
    for (const peer of core.peersInOrder()) peer.handleNetworkChange(nowMs);
  }

  #onGarbage(): void {
    this.#core.conversation?.handleReceived();
    switch (this.#core.session.type) {
      case "entering":
        return this.#core.fail("server_garbage");
      case "staying":
        return this.#core.tellError("server_garbage");
      case "off":
      case "pausing":
        return;
    }
  }

  #onMessage(nowMs: number, message: ServerMessage): void {
    const core = this.#core;
    if (isCounted(message)) core.conversation?.handleReceived();
    switch (message.type) {
      case "welcome": {
        const { session: token, resumed, guest, path_reports } = message.payload;
        admission.onGuest(core, guest);
        return admission.onWelcome(core, nowMs, iceOf(message.payload), path_reports === true, token, resumed);
      }
      case "joined":
        return admission.onJoined(core, nowMs, message.payload);
      case "consent":
        return consent.onConsent(core, message.payload.from);
      case "direct":
        return consent.onDirect(core);
      case "queued":
        return admission.onQueued(core, message.payload.place, message.payload.waiting);
      case "waiting":
        return admission.onWaiting(core, message.payload.room);
      case "turned_away":
        return admission.onTurnedAway(core);
      case "knock":
        return hosting.onKnock(core, message.payload);
      case "knock_ended":
        return hosting.onKnockEnded(core, message.payload.participant);
      case "door":
        return hosting.onDoor(core, message.payload.door);
      case "host":
        return hosting.onHost(core, message.payload.participant);
      case "muted":
        return hosting.onMuted(core, message.payload.by);
      case "participant_joined":
        return core.onParticipantJoined(nowMs, message.payload.participant);
      case "participant_left":
        if (core.isMe(message.payload.participant)) return admission.onTakenOut(core, nowMs, message.payload.reason);
        return core.onParticipantLeft(message.payload.participant, message.payload.reason);
      case "description":
        return core.peers
          .get(message.payload.from)
          ?.handleDescription(nowMs, message.payload.description, consent.iceHere(core), core.out);
      case "candidates":
        for (const candidate of message.payload.candidates) {
          core.peers.get(message.payload.from)?.handleRemoteTrickle({ type: "candidate", candidate }, core.out);
        }
        return;
      case "end_of_candidates":
        return core.peers
          .get(message.payload.from)
          ?.handleRemoteTrickle({ type: "end", ufrag: message.payload.ufrag }, core.out);
      case "media":
        if (core.peers.has(message.payload.from)) {
          tell(core.out, { type: "media", participant: message.payload.from, media: message.payload.media });
        }
        return;
      case "reported":
        return moderation.onKept(core, { type: "reported", report: message.payload.report });
      case "blocked":
        return moderation.onKept(core, { type: "blocked", participant: message.payload.participant });
      case "error":
        return admission.onError(core, nowMs, message.payload);
    }
  }

  /** Gives a message a number in its session. Whether it is to be sent; if not, it waits for the session to go on. */
  #say(message: ClientMessage): boolean {
    const core = this.#core;
    core.conversation?.handleSaid(message);
    switch (core.session.type) {
      case "off":
      case "staying":
        return true;
      case "pausing":
        return message.type === "hello";
      case "entering":
        return core.session.step === "admission" || core.session.step === "another_try" || message.type === "hello";
    }
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
