import { RawSocket } from "./websocket.mjs";

const PROTOCOL = 1;
const MEDIA = { microphone: true, camera: false };
const PAUSES_MS = [100, 500, 1000, 2000];
/** For how long it waits for a stranger who does not come back; users' clients have more patience. */
const ALONE_MS = 3_000;

/**
 * A client without media, which behaves as clients do: it comes back with its session, asks again when it is told to, and notes
 * what must not happen.
 */
export class Caller {
  /** @type {RawSocket | undefined} */
  #socket;
  /** @type {RawSocket | undefined} */
  #connecting;
  #session;
  #received = 0;
  #said = 0;
  /** @type {any[]} */
  #kept = [];
  #over = false;
  #running;
  /** Its stay in a room that the server has forgotten, until it is back there. */
  #before;
  /** Whether the server knows that it seeks strangers, which it does not of who came back to one. */
  #isSeeker = false;
  /** Ways in that it was told of while it was in. */
  faults = [];
  /** The room that it is in, and itself: undefined in none. */
  stay;
  others = new Set();
  isQueued = false;
  /** How often it has met somebody. */
  joined = 0;
  /** How often it had to begin anew. */
  begun = 0;

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {string | (() => string)} url where to connect, each time
   * @param {{ room?: string }} wish a room, or a stranger
   */
  constructor(scope, url, wish, name = "Caller") {
    this.scope = scope;
    this.url = url;
    this.wish = wish;
    this.name = name;
    this.#running = this.#run();
    scope.defer(() => this.end());
  }

  /** Whether it is where it wants to be, or waits in the queue. */
  get isSettled() {
    return this.#socket !== undefined && (this.stay !== undefined || this.isQueued);
  }

  /** Its connection breaks. */
  cut() {
    this.#connecting?.destroy();
  }

  /** Wants another stranger, or the same room again. */
  again() {
    if (this.#socket === undefined || this.stay === undefined) return;
    this.#leaveBehind();
    if (this.#isSeeker) this.#say({ type: "next" });
    else {
      this.#say({ type: "leave" });
      this.#ask();
    }
  }

  async end() {
    this.#over = true;
    this.#connecting?.destroy();
    await this.#running;
  }

  async #run() {
    for (let tries = 0; !this.#over; tries = this.#socket === undefined ? tries + 1 : 0) {
      await this.#converse().catch(() => undefined);
      this.#socket = undefined;
      if (!this.#over) await pause(PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]);
    }
  }

  async #converse() {
    const url = typeof this.url === "string" ? this.url : this.url();
    const socket = await RawSocket.connect(this.scope, url);
    if (!(socket instanceof RawSocket)) return;
    const resume = this.#session && { session: this.#session, received: this.#received };
    socket.send({ type: "hello", payload: { protocol: PROTOCOL, client: "caller/1", ...(resume && { resume }) } });
    if (this.#over) socket.destroy();
    else this.#connecting = socket;
    socket.listen((message) => {
      if (message.type === "welcome") this.#onWelcome(socket, message.payload);
      else this.#onMessage(message);
    });
    await socket.closed;
    socket.destroy();
  }

  #onWelcome(socket, { session, resumed }) {
    this.#socket = socket;
    if (resumed !== undefined) {
      const missed = this.#said - resumed.received;
      for (const message of this.#kept.slice(this.#kept.length - missed)) socket.send(message);
      if (this.stay === undefined && !this.isQueued && missed === 0) this.#ask();
      this.#waitForOther(this.stay);
      return;
    }
    const isKnown = this.#session !== undefined && root(session) === root(this.#session);
    const before = this.stay === undefined ? this.#before : { ...this.stay, others: [...this.others] };
    this.begun += 1;
    this.#session = session;
    [this.#received, this.#said, this.#kept] = [0, 0, []];
    this.#leaveBehind();
    this.#before = isKnown ? before : undefined;
    this.#ask();
  }

  #ask() {
    const common = { name: this.name, media: MEDIA };
    const { room = this.wish.room, ...again } = this.#before ?? {};
    this.#isSeeker = room === undefined;
    if (this.#isSeeker) this.#say({ type: "seek", payload: common });
    else this.#say({ type: "join", payload: { room, ...common, ...(this.#before && { again }) } });
  }

  #onMessage({ type, payload }) {
    if (type !== "error") this.#received += 1;
    switch (type) {
      case "joined":
        if (this.stay !== undefined && this.stay.room !== payload.room) this.faults.push(`joined ${payload.room} from ${this.stay.room}`);
        if (payload.participants.length > 1 && this.wish.room === undefined) this.faults.push("three strangers");
        this.stay = { room: payload.room, you: payload.you };
        this.others = new Set(payload.participants.map(({ id }) => id));
        this.isQueued = false;
        this.#before = undefined;
        this.joined += 1;
        this.#waitForOther(this.stay);
        return;
      case "queued":
        if (this.stay !== undefined) this.faults.push(`queued in ${this.stay.room}`);
        this.isQueued = true;
        return;
      case "participant_joined":
        this.others.add(payload.participant.id);
        if (this.others.size > 1 && this.wish.room === undefined) this.faults.push("three strangers");
        return;
      case "participant_left":
        this.others.delete(payload.participant);
        if (payload.participant === this.stay?.you) {
          this.#leaveBehind();
          this.#ask();
        } else if (this.wish.room === undefined) this.again();
        return;
      case "error":
        this.#onError(payload);
    }
  }

  #onError({ code, retry_after_ms: retryAfterMs }) {
    if (code === "unavailable" && retryAfterMs !== undefined) {
      setTimeout(() => !this.#over && this.#socket && !this.isSettled && this.#ask(), retryAfterMs);
    } else if (code === "room_locked" || code === "room_full" || code === "not_in_room") {
      this.#leaveBehind();
      setTimeout(() => !this.#over && this.#socket && !this.isSettled && this.#ask(), 200);
    }
  }

  #waitForOther(stay) {
    if (stay === undefined || this.wish.room !== undefined || this.others.size > 0) return;
    setTimeout(() => !this.#over && this.stay === stay && this.others.size === 0 && this.again(), ALONE_MS);
  }

  #leaveBehind() {
    this.stay = undefined;
    this.#before = undefined;
    this.isQueued = false;
    this.others.clear();
  }

  #say(message) {
    this.#said += 1;
    this.#kept.push(message);
    if (this.#kept.length > 64) this.#kept.shift();
    this.#socket?.send(message);
  }
}

/** What all tokens of one client have in common. */
function root(token) {
  return token.split(".")[0];
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
