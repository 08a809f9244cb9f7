import { createServer, connect } from "node:net";
import { once } from "node:events";

/** A TCP relay before a server, whose connections can be broken or held up. */
export class Relay {
  #pairs = new Set();
  #isHeld = false;

  /** @param {string} origin where it is reached, such as `http://127.0.0.1:40123` */
  constructor(origin) {
    this.origin = origin;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {string} target the origin of the server
   */
  static async start(scope, target) {
    const { hostname, port } = new URL(target);
    const listener = createServer((client) => relay.#join(client, connect(Number(port), hostname)));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const relay = new Relay(`http://127.0.0.1:${listener.address().port}`);
    scope.defer(() => {
      listener.close();
      relay.cut();
    });
    return relay;
  }

  /** Breaks all connections, on both sides; the next ones work. */
  cut() {
    for (const sockets of this.#pairs) for (const socket of sockets) socket.resetAndDestroy();
  }

  /** Nothing passes any more, either way, as when a cable is cut; what comes meanwhile waits. */
  hold() {
    this.#isHeld = true;
    for (const [client, server] of this.#pairs) {
      client.unpipe(server).pause();
      server.unpipe(client).pause();
    }
  }

  /** Everything passes again. */
  release() {
    this.#isHeld = false;
    for (const [client, server] of this.#pairs) client.pipe(server).pipe(client);
  }

  #join(client, server) {
    const pair = [client, server];
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    if (!this.#isHeld) client.pipe(server).pipe(client);
  }
}
