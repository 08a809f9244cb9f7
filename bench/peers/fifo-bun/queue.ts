/** First in, first out. A `Map` keeps the order of insertion, and finds who leaves from the middle. */
export class Queue<T> {
  #waiting = new Map<number, T>();
  #nextTicket = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** @returns the ticket to leave with */
  push(value: T): number {
    const ticket = this.#nextTicket++;
    this.#waiting.set(ticket, value);
    return ticket;
  }

  shift(): T | undefined {
    for (const [ticket, value] of this.#waiting) {
      this.#waiting.delete(ticket);
      return value;
    }
    return undefined;
  }

  remove(ticket: number): void {
    this.#waiting.delete(ticket);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#waiting.values();
  }
}
