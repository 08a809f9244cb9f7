/**
 * Offer and answer with one peer, safe against glare: the perfect negotiation of the WebRTC specification (section
 * 10.7), as a state machine. The offerer is impolite: it ignores an offer that collides with its own. The answerer is
 * polite: it rolls its own offer back.
 */

import type { Description } from "../generated/Description";
import type { Role } from "../generated/Role";

/** Why an offer is made. */
export type Offer = "media" | "ice_restart";

type State =
  | { type: "stable" }
  /** `yieldsTo` is the peer's colliding offer, which goes first. */
  | { type: "creating_offer"; purpose: Offer; yieldsTo: Description | undefined }
  | { type: "awaiting_answer"; purpose: Offer }
  | { type: "accepting_offer" }
  | { type: "accepting_answer" };

/** What is to be done next, in this order of the exchange. */
export type Step =
  | { type: "create_offer"; iceRestart: boolean }
  | { type: "accept_offer"; sdp: string; rollback: boolean }
  | { type: "accept_answer"; sdp: string }
  | { type: "send_description"; description: Description };

export class Negotiation {
  #role: Role;
  #state: State = { type: "stable" };
  /** Number of the own last offer. */
  #ownNumber = 0;
  /** Number of the peer's last offer that was taken up. */
  #peerNumber = 0;
  /** An own offer that is wanted as soon as the state allows it. */
  #wanted: Offer | undefined;
  /** The peer's offer that came while another exchange was being worked on. */
  #waiting: Description | undefined;

  constructor(role: Role) {
    this.#role = role;
  }

  /** Between two new connections; what was counted goes on, so that nothing old is taken for new. */
  anew(): Negotiation {
    const next = new Negotiation(this.#role);
    next.#ownNumber = this.#ownNumber;
    return next;
  }

  /** The server says who offers first from now on. */
  setRole(role: Role): void {
    this.#role = role;
  }

  /** Whether an own offer, or what the peer says to it, may have been lost with the server. */
  get isUnanswered(): boolean {
    return this.#state.type === "awaiting_answer";
  }

  /** Asks for an offer; it is made when the state allows it. */
  want(offer: Offer): Step[] {
    this.#wanted = stronger(this.#wanted, offer);
    // An offer that nobody answers may be lost; a restart replaces it, as RFC 9429 section 5.5 allows.
    if (this.#state.type === "awaiting_answer" && offer === "ice_restart") this.#state = { type: "stable" };
    return this.#proceed();
  }

  /** The peer's description came. */
  handleDescription(description: Description): Step[] {
    switch (description.kind) {
      case "offer":
        return this.#handleOffer(description);
      case "answer":
        return this.#handleAnswer(description);
    }
  }

  /** The own offer is the local description now. */
  handleOfferCreated(sdp: string): Step[] {
    if (this.#state.type !== "creating_offer") return [];
    const { purpose, yieldsTo } = this.#state;
    if (yieldsTo !== undefined) return this.#acceptOffer(yieldsTo, true);
    this.#state = { type: "awaiting_answer", purpose };
    this.#ownNumber += 1;
    return [{ type: "send_description", description: { kind: "offer", negotiation: this.#ownNumber, sdp } }];
  }

  /** The answer to the peer's offer is the local description now. */
  handleAnswerCreated(sdp: string): Step[] {
    if (this.#state.type !== "accepting_offer") return [];
    this.#state = { type: "stable" };
    const description: Description = { kind: "answer", negotiation: this.#peerNumber, sdp };
    return [{ type: "send_description", description }, ...this.#proceed()];
  }

  /** The peer's answer is the remote description now. */
  handleAnswerAccepted(): Step[] {
    if (this.#state.type !== "accepting_answer") return [];
    this.#state = { type: "stable" };
    return this.#proceed();
  }

  /** The work last asked for failed; what else waited is taken up. */
  handleFailure(): Step[] {
    this.#state = { type: "stable" };
    return this.#proceed();
  }

  #handleOffer(offer: Description): Step[] {
    if (offer.negotiation <= this.#peerNumber) return [];
    const impolite = this.#role === "offerer";
    switch (this.#state.type) {
      case "stable":
        return this.#acceptOffer(offer, false);
      case "creating_offer":
        if (!impolite) this.#state.yieldsTo = offer;
        return [];
      case "awaiting_answer":
        return impolite ? [] : this.#acceptOffer(offer, true);
      case "accepting_offer":
      case "accepting_answer":
        this.#waiting = offer;
        return [];
    }
  }

  #handleAnswer(answer: Description): Step[] {
    if (this.#state.type !== "awaiting_answer" || answer.negotiation !== this.#ownNumber) return [];
    this.#state = { type: "accepting_answer" };
    return [{ type: "accept_answer", sdp: answer.sdp }];
  }

  #acceptOffer(offer: Description, rollback: boolean): Step[] {
    // What the own offer was to bring is still wanted after the peer's; a restart is what the peer's may bring.
    if ("purpose" in this.#state && this.#state.purpose === "media") {
      this.#wanted = stronger(this.#wanted, "media");
    }
    this.#state = { type: "accepting_offer" };
    this.#peerNumber = offer.negotiation;
    return [{ type: "accept_offer", sdp: offer.sdp, rollback }];
  }

  /** Takes up what waited for a stable state: the peer's offer first. */
  #proceed(): Step[] {
    if (this.#state.type !== "stable") return [];
    const offer = this.#waiting;
    this.#waiting = undefined;
    if (offer !== undefined) return this.#acceptOffer(offer, false);
    const purpose = this.#wanted;
    this.#wanted = undefined;
    if (purpose === undefined) return [];
    this.#state = { type: "creating_offer", purpose, yieldsTo: undefined };
    return [{ type: "create_offer", iceRestart: purpose === "ice_restart" }];
  }
}

/** The offer that does what both would: a restart carries media changes too. */
function stronger(a: Offer | undefined, b: Offer): Offer {
  return a === "ice_restart" ? a : b;
}
