/** One other participant: what is known of them, and the negotiation with them. */

import type { CallEvent } from "../generated/CallEvent";
import type { Candidate } from "../generated/Candidate";
import type { CandidatePair } from "../generated/CandidatePair";
import type { Description } from "../generated/Description";
import type { Output } from "../generated/Output";
import type { Participant } from "../generated/Participant";
import type { ParticipantId } from "../generated/ParticipantId";
import type { PathReport } from "../generated/PathReport";
import type { PathState } from "../generated/PathState";
import type { PeerState } from "../generated/PeerState";
import type { Role } from "../generated/Role";
import { Negotiation, type Step } from "./negotiation";
import { Path } from "./path";
import { PathReporter } from "./pathReport";
import { relayedCandidate, relayedDescription } from "./relayed";
import { RemoteEnd } from "./remoteEnd";
import * as trickle from "./trickle";
import { Trickle, type Trickled } from "./trickle";

/** How long somebody who was here before the server was lost may take to come back, too. */
const RETURN_TIMEOUT_MS = 15_000;

/** How often a connection to one peer may begin anew; beyond that somebody plays with it. */
const MOST_RENEWALS = 8;

/** Where paths are found, and which of them media may take. */
export type Ice = Pick<Extract<Output, { type: "open_peer" }>, "ice_servers" | "ice_mode">;

export class Peer {
  readonly id: ParticipantId;
  #negotiation: Negotiation;
  #path: Path;
  readonly #reporter: PathReporter;
  #role: Role;
  /** What the connection was opened with, and which paths its media may take. */
  #ice: Ice;
  /** Whether that may mean nothing any more: relays end with their server. */
  #isIceOld = false;
  #remoteEnd = new RemoteEnd();
  #renewals = 0;
  /** What the user was last told of the path. */
  #told: PeerState = "connecting";
  #local = new Trickle();
  #remote = new Trickle();
  /** Until when it has to be back, if the server has lost it. */
  #missingUntilMs: number | undefined;

  private constructor(nowMs: number, { id, role }: Participant, ice: Ice) {
    this.id = id;
    this.#role = role;
    this.#ice = ice;
    this.#negotiation = new Negotiation(role);
    this.#path = new Path(nowMs, role);
    this.#reporter = new PathReporter(nowMs);
  }

  /** Opens the peer connection; the offerer makes its first offer at once. */
  static open(nowMs: number, participant: Participant, ice: Ice, out: Output[]): Peer {
    const peer = new Peer(nowMs, participant, ice);
    tell(out, { type: "participant_joined", participant });
    out.push({ type: "open_peer", peer: participant.id, ...ice });
    switch (participant.role) {
      case "offerer":
        peer.#take(peer.#negotiation.want("media"), out);
        break;
      case "answerer":
        break;
    }
    return peer;
  }

  /**
   * The server, which had forgotten both, knows both again: the connection goes on. It is negotiated anew only if it is down,
   * or if what was said of it may be lost.
   */
  goOn(nowMs: number, participant: Participant, ice: Ice, out: Output[]): void {
    this.#missingUntilMs = undefined;
    this.#role = participant.role;
    this.#negotiation.setRole(participant.role);
    this.#path.handleReturn(nowMs, participant.role);
    this.#isIceOld ||= JSON.stringify(ice) !== JSON.stringify(this.#ice);
    tell(out, { type: "participant_changed", participant });
    if (!this.#isOpen()) this.#offerAnew(nowMs, ice, out);
    else if (this.#negotiation.isUnanswered) this.#take(this.#negotiation.want("ice_restart"), out);
  }

  /** The server knows this client again, and not this peer yet. */
  handleMissing(nowMs: number): void {
    this.#missingUntilMs = nowMs + RETURN_TIMEOUT_MS;
  }

  /** Whether it has had the time to come back. `reachable` says whether the server could tell: without it there is time. */
  hasMissedReturn(nowMs: number, reachable: boolean): boolean {
    const isDue = this.#missingUntilMs !== undefined && this.#missingUntilMs <= nowMs;
    if (isDue && !reachable) this.handleMissing(nowMs);
    return isDue && reachable;
  }

  get isConnected(): boolean {
    return this.#path.state === "connected";
  }

  /** Closes the peer connection, unless that is done already. */
  close(out: Output[]): void {
    if (this.#isOpen()) out.push({ type: "close_peer", peer: this.id });
  }

  /** From here on media may take these paths, which are more; the offerer sees to it. */
  widen({ ice_mode }: Ice, out: Output[]): void {
    this.#ice = { ice_servers: this.#ice.ice_servers, ...(ice_mode && { ice_mode }) };
    if (!this.#isOpen()) return;
    out.push({ type: "set_ice_mode", peer: this.id, ice_mode: ice_mode ?? "all" });
    switch (this.#role) {
      case "offerer":
        return this.#take(this.#negotiation.want("ice_restart"), out);
      case "answerer":
        return;
    }
  }

  handleDescription(nowMs: number, description: Description, ice: Ice, out: Output[]): void {
    if (!this.#isOpen()) return;
    if (this.#remoteEnd.handleDescription(description.sdp)) return this.#handleOtherEnd(nowMs, description, ice, out);
    switch (description.kind) {
      case "offer":
        this.#path.handleRemoteOffer(nowMs);
        break;
      case "answer":
        break;
    }
    this.#take(this.#negotiation.handleDescription(this.#onTheWire(description)), out);
  }

  handleRemoteTrickle(trickled: Trickled, out: Output[]): void {
    const known = this.#trickleOnTheWire(trickled);
    if (known !== undefined && this.#isOpen()) trickle.add(this.id, this.#remote.handle(known), out);
  }

  handleLocalCandidate(candidate: Candidate, out: Output[]): void {
    this.#handleLocalTrickle({ type: "candidate", candidate }, out);
  }

  handleLocalCandidatesEnd(ufrag: string, out: Output[]): void {
    this.#handleLocalTrickle({ type: "end", ufrag }, out);
  }

  handleOfferCreated(sdp: string, out: Output[]): void {
    this.#take(this.#negotiation.handleOfferCreated(sdp), out);
  }

  handleAnswerCreated(sdp: string, out: Output[]): void {
    this.#take(this.#negotiation.handleAnswerCreated(sdp), out);
  }

  handleAnswerAccepted(out: Output[]): void {
    this.#take(this.#negotiation.handleAnswerAccepted(), out);
  }

  handleNegotiationNeeded(out: Output[]): void {
    if (this.#isOpen()) this.#take(this.#negotiation.want("media"), out);
  }

  /** A path that works outlives a negotiation that does not. */
  handleNegotiationFailed(out: Output[]): void {
    if (!this.#isOpen()) return;
    tell(out, { type: "error", code: "negotiation_failed" });
    switch (this.#path.state) {
      case "connected":
      case "reconnecting":
        return this.#take(this.#negotiation.handleFailure(), out);
      case "connecting":
      case "failed":
        return this.#giveUp(out);
    }
  }

  handlePath(nowMs: number, state: PathState, out: Output[]): PathReport | undefined {
    const before = this.#path.state;
    this.#path.handle(nowMs, state);
    this.#tellState(out);
    return this.#reporter.handleState(nowMs, before, this.#path.state);
  }

  handleSelectedPair(nowMs: number, pair: CandidatePair): PathReport | undefined {
    return this.isConnected ? this.#reporter.handlePair(nowMs, pair) : undefined;
  }

  handleNetworkChange(nowMs: number): void {
    this.#path.handleNetworkChange(nowMs);
  }

  handleTimeout(nowMs: number, reachable: boolean, ice: Ice, out: Output[]): PathReport | undefined {
    switch (this.#path.handleTimeout(nowMs, reachable && this.#missingUntilMs === undefined)) {
      case "restart_ice":
        if (this.#isIceOld) this.#offerAnew(nowMs, ice, out);
        else this.#take(this.#negotiation.want("ice_restart"), out);
        return this.#reporter.handleRestart(nowMs);
      case "give_up":
        tell(out, { type: "error", code: "path_failed" });
        this.#giveUp(out);
        return this.#reporter.handleFailure(nowMs);
      case undefined:
        return undefined;
    }
  }

  pollTimeoutMs(): number | undefined {
    const dues = [this.#path.pollTimeoutMs(), this.#missingUntilMs].filter((due) => due !== undefined);
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  /** The far side has another connection than before: what there is here is of no use to it. */
  #handleOtherEnd(nowMs: number, description: Description, ice: Ice, out: Output[]): void {
    switch (description.kind) {
      case "offer":
        if (!this.#beginAnew(nowMs, ice, out)) return;
        this.#remoteEnd.handleDescription(description.sdp);
        return this.#take(this.#negotiation.handleDescription(this.#onTheWire(description)), out);
      // It answers to the old connection.
      case "answer":
        return this.#offerAnew(nowMs, ice, out);
    }
  }

  #offerAnew(nowMs: number, ice: Ice, out: Output[]): void {
    if (this.#beginAnew(nowMs, ice, out)) this.#take(this.#negotiation.want("media"), out);
  }

  /** Opens another connection in place of the present one. Whether that may be. */
  #beginAnew(nowMs: number, ice: Ice, out: Output[]): boolean {
    if (this.#renewals === MOST_RENEWALS) return false;
    this.#renewals += 1;
    this.close(out);
    this.#negotiation = this.#negotiation.anew();
    this.#path = new Path(nowMs, this.#role);
    this.#reporter.beginAnew(nowMs);
    this.#local = new Trickle();
    this.#remote = new Trickle();
    this.#remoteEnd = new RemoteEnd();
    this.#ice = ice;
    this.#isIceOld = false;
    out.push({ type: "open_peer", peer: this.id, ...ice });
    this.#tellState(out);
    return true;
  }

  #isRelayed(): boolean {
    return this.#ice.ice_mode === "relay";
  }

  #isOpen(): boolean {
    return this.#told !== "failed";
  }

  #handleLocalTrickle(trickled: Trickled, out: Output[]): void {
    const told = this.#trickleOnTheWire(trickled);
    if (told !== undefined) trickle.send(this.id, this.#local.handle(told), out);
  }

  /** What of a description goes to the other side, or is taken from it: no address but a relay's, where media is relayed. */
  #onTheWire(description: Description): Description {
    return this.#isRelayed() ? { ...description, sdp: relayedDescription(description.sdp) } : description;
  }

  /** And of what is trickled. */
  #trickleOnTheWire(trickled: Trickled): Trickled | undefined {
    if (!this.#isRelayed() || trickled.type === "end") return trickled;
    const candidate = relayedCandidate(trickled.candidate.candidate);
    return candidate === undefined ? undefined : { type: "candidate", candidate: { ...trickled.candidate, candidate } };
  }

  /** Turns steps of the negotiation into outputs, each description followed by the candidates that waited for it. */
  #take(steps: Step[], out: Output[]): void {
    const peer = this.id;
    for (const step of steps) {
      switch (step.type) {
        case "create_offer":
          out.push({ type: "create_offer", peer, ice_restart: step.iceRestart });
          break;
        case "accept_offer":
          out.push({ type: "accept_offer", peer, sdp: step.sdp, rollback: step.rollback });
          trickle.add(peer, this.#remote.handleDescription(step.sdp), out);
          break;
        case "accept_answer":
          out.push({ type: "accept_answer", peer, sdp: step.sdp });
          trickle.add(peer, this.#remote.handleDescription(step.sdp), out);
          break;
        case "send_description": {
          const description = this.#onTheWire(step.description);
          out.push({ type: "send", message: { type: "description", payload: { to: peer, description } } });
          trickle.send(peer, this.#local.handleDescription(description.sdp), out);
          break;
        }
      }
    }
  }

  #giveUp(out: Output[]): void {
    this.close(out);
    this.#path.giveUp();
    this.#tellState(out);
  }

  #tellState(out: Output[]): void {
    const state = this.#path.state;
    if (state === this.#told) return;
    this.#told = state;
    tell(out, { type: "peer", participant: this.id, state });
  }
}

export function tell(out: Output[], event: CallEvent): void {
  out.push({ type: "event", event });
}
