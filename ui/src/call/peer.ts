/** One other participant: what is known of them, and the negotiation with them. */

import type { CallEvent } from "../generated/CallEvent";
import type { Candidate } from "../generated/Candidate";
import type { Description } from "../generated/Description";
import type { Output } from "../generated/Output";
import type { Participant } from "../generated/Participant";
import type { ParticipantId } from "../generated/ParticipantId";
import type { PathState } from "../generated/PathState";
import type { PeerState } from "../generated/PeerState";
import { Negotiation, type Step } from "./negotiation";
import { Path } from "./path";
import * as trickle from "./trickle";
import { Trickle, type Trickled } from "./trickle";

/** Where paths are found, and which of them media may take. */
export type Ice = Pick<Extract<Output, { type: "open_peer" }>, "ice_servers" | "ice_mode">;

export class Peer {
  readonly id: ParticipantId;
  readonly #negotiation: Negotiation;
  readonly #path: Path;
  /** What the user was last told of the path. */
  #told: PeerState = "connecting";
  readonly #local = new Trickle();
  readonly #remote = new Trickle();

  private constructor(nowMs: number, { id, role }: Participant) {
    this.id = id;
    this.#negotiation = new Negotiation(role);
    this.#path = new Path(nowMs, role);
  }

  /** Opens the peer connection; the offerer makes its first offer at once. */
  static open(nowMs: number, participant: Participant, ice: Ice, out: Output[]): Peer {
    const peer = new Peer(nowMs, participant);
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

  /** Closes the peer connection, unless that is done already. */
  close(out: Output[]): void {
    if (this.#isOpen()) out.push({ type: "close_peer", peer: this.id });
  }

  handleDescription(nowMs: number, description: Description, out: Output[]): void {
    if (!this.#isOpen()) return;
    switch (description.kind) {
      case "offer":
        this.#path.handleRemoteOffer(nowMs);
        break;
      case "answer":
        break;
    }
    this.#take(this.#negotiation.handleDescription(description), out);
  }

  handleRemoteTrickle(trickled: Trickled, out: Output[]): void {
    if (this.#isOpen()) trickle.add(this.id, this.#remote.handle(trickled), out);
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

  handlePath(nowMs: number, state: PathState, out: Output[]): void {
    this.#path.handle(nowMs, state);
    this.#tellState(out);
  }

  handleNetworkChange(nowMs: number): void {
    this.#path.handleNetworkChange(nowMs);
  }

  handleTimeout(nowMs: number, reachable: boolean, out: Output[]): void {
    switch (this.#path.handleTimeout(nowMs, reachable)) {
      case "restart_ice":
        return this.#take(this.#negotiation.want("ice_restart"), out);
      case "give_up":
        tell(out, { type: "error", code: "path_failed" });
        return this.#giveUp(out);
      case undefined:
        return;
    }
  }

  pollTimeoutMs(): number | undefined {
    return this.#path.pollTimeoutMs();
  }

  #isOpen(): boolean {
    return this.#told !== "failed";
  }

  #handleLocalTrickle(trickled: Trickled, out: Output[]): void {
    trickle.send(this.id, this.#local.handle(trickled), out);
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
          const { description } = step;
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
