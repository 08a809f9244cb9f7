import { Balancer } from "./balancer.mjs";
import { Redis } from "./redis.mjs";
import { Relay } from "./relay.mjs";
import { Server } from "./server.mjs";

/** Several servers as one: with a Redis, a relay between each of them and it, and a load balancer in front. */
export class Nodes {
  constructor(redis, relays, servers, balancer) {
    this.redis = redis;
    /** What is between a server and Redis, in the servers' order. */
    this.relays = relays;
    this.servers = servers;
    this.balancer = balancer;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {{ count?: number, args?: string[], argsOf?: (index: number) => string[] }} [options] `argsOf`: what only one of
   *   them is told
   */
  static async start(scope, { count = 3, args = [], argsOf = () => [] } = {}) {
    const redis = await Redis.start(scope);
    const each = Array.from({ length: count });
    const relays = await Promise.all(each.map(() => Relay.start(scope, `http://127.0.0.1:${redis.port}`)));
    const servers = await Promise.all(
      relays.map(({ origin }, index) =>
        Server.start(scope, { args: ["--redis", `redis://${new URL(origin).host}`, ...args, ...argsOf(index)] }),
      ),
    );
    await Promise.all(servers.map((server) => ready(server)));
    const balancer = await Balancer.start(scope, servers.map(({ origin }) => origin));
    return new Nodes(redis, relays, servers, balancer);
  }
}

/** Resolves when a server reaches the others. */
export async function ready({ origin }, limitMs = 10_000) {
  const until = performance.now() + limitMs;
  while (performance.now() < until) {
    const answer = await fetch(`${origin}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${origin} was not ready within ${limitMs} ms`);
}
