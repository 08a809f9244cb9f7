/** What was said in a session with the server, so that it can go on over another connection. */

import type { ClientMessage } from "../generated/ClientMessage";
import type { Resume } from "../generated/Resume";
import type { SessionToken } from "../generated/SessionToken";

/** Own messages that are kept; a client of which the server has missed more enters its room anew. */
const MESSAGES_KEPT = 64;

/** The numbered messages of one session, in both directions. */
export class Conversation {
  readonly #session: SessionToken;
  /** How many messages of the server have come. */
  #received = 0;
  /** How many own messages there were, sent or not. */
  #said = 0;
  /** The last of them. */
  readonly #kept: ClientMessage[] = [];

  constructor(session: SessionToken) {
    this.#session = session;
  }

  /** Whether it is this session that the server speaks of. */
  is(session: SessionToken | undefined): boolean {
    return session === this.#session;
  }

  /** Differs from client to client. */
  get seed(): string {
    return this.#session;
  }

  resume(): Resume {
    return { session: this.#session, received: this.#received };
  }

  /** A message of the server has come, understood or not. */
  handleReceived(): void {
    this.#received += 1;
  }

  /** Counts and keeps an own message; the hello belongs to no session. */
  handleSaid(message: ClientMessage): void {
    if (message.type === "hello") return;
    this.#said += 1;
    this.#kept.push(message);
    if (this.#kept.length > MESSAGES_KEPT) this.#kept.shift();
  }

  /** The own messages after the first `heard`, or undefined if they are not all there. */
  after(heard: number): ClientMessage[] | undefined {
    const missed = this.#said - heard;
    if (missed < 0 || missed > this.#kept.length) return undefined;
    return this.#kept.slice(this.#kept.length - missed);
  }
}
