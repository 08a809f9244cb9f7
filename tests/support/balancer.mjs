import { connect, createServer } from "node:net";
import { once } from "node:events";

/** A TCP load balancer: each connection goes to the next server that takes it. */
export class Balancer {
  #targets;
  #next = 0;
  #pairs = new Set();

  constructor(origin, targets) {
    /** Where it is reached, such as `http://127.0.0.1:40123`. */
    this.origin = origin;
    this.#targets = targets;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {string[]} targets origins of servers
   */
  static async start(scope, targets) {
    const listener = createServer((client) => balancer.#join(client));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const balancer = new Balancer(`http://127.0.0.1:${listener.address().port}`, targets);
    scope.defer(() => {
      listener.close();
      for (const sockets of balancer.#pairs) for (const socket of sockets) socket.destroy();
    });
    return balancer;
  }

  get webSocket() {
    return `${this.origin.replace(/^http/, "ws")}/ws`;
  }

  #join(client, left = this.#targets.length) {
    const { hostname, port } = new URL(this.#targets[this.#next++ % this.#targets.length]);
    const server = connect(Number(port), hostname);
    client.on("error", () => server.destroy());
    server.once("error", () => {
      if (left > 1) this.#join(client, left - 1);
      else client.destroy();
    });
    server.once("connect", () => {
      const pair = [client, server];
      this.#pairs.add(pair);
      const end = () => {
        this.#pairs.delete(pair);
        for (const socket of pair) socket.destroy();
      };
      for (const socket of pair) socket.removeAllListeners("error").on("error", end).on("close", end);
      client.pipe(server).pipe(client);
    });
  }
}
