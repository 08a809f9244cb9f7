import { SIDES, bringUp, twoNamespaces } from "./namespaces.mjs";
import { run } from "./process.mjs";

const DEVICE = "call0";
/** How long a packet may wait before a cut, and how much may pass it at once: one packet. */
const QUEUE_MS = 300;
const BURST_BYTES = 1600;

/**
 * Two network namespaces with a link between them, that can be cut to a bitrate. Nothing else leads in or out, so
 * whoever talks across takes the link. For delay, loss and schedules see {@link EmulatedLink}. Needs root.
 */
export class Link {
  #scope;

  constructor(scope, namespaces, addresses) {
    this.#scope = scope;
    /** Names of the namespaces. @type {{ left: string, right: string }} */
    this.namespaces = namespaces;
    /** IPv4 addresses. @type {{ left: string, right: string }} */
    this.addresses = addresses;
  }

  /** @param {import("./scope.mjs").Scope} scope */
  static async up(scope) {
    const pair = await twoNamespaces(scope);
    const { left, right } = pair.namespaces;
    const device = ["link", "add", DEVICE, "netns", left, "type", "veth", "peer", "name", DEVICE, "netns", right];
    await run(scope, "ip", device);
    await bringUp(scope, pair, DEVICE);
    return new Link(scope, pair.namespaces, pair.addresses);
  }

  /** Lets no more than this through, each way. */
  async cut(bitrateBps) {
    for (const side of SIDES) {
      const limits = ["rate", `${bitrateBps}bit`, "burst", `${BURST_BYTES}`, "latency", `${QUEUE_MS}ms`];
      await this.#tc(side, "replace", "dev", DEVICE, "root", "tbf", ...limits);
    }
  }

  /** Lets everything through again. */
  async open() {
    for (const side of SIDES) await this.#tc(side, "delete", "dev", DEVICE, "root");
  }

  #tc(side, ...words) {
    return run(this.#scope, "tc", ["-n", this.namespaces[side], "qdisc", ...words]);
  }
}
