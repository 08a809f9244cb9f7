import { run } from "./process.mjs";

const SIDES = ["left", "right"];
/** How long a packet may wait before a cut, and how much may pass it at once: one packet. */
const QUEUE_MS = 300;
const BURST_BYTES = 1600;

let links = 0;

/**
 * Two network namespaces with a link between them, that can be cut to a bitrate. Nothing else leads in or out, so
 * whoever talks across takes the link. Needs root.
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
    if (process.getuid() !== 0) throw new Error("network namespaces need root");
    const number = ++links;
    const ip = (...words) => run(scope, "ip", words);
    const namespaces = Object.fromEntries(SIDES.map((side) => [side, `visavis-${process.pid}-${number}-${side}`]));
    const addresses = { left: `10.77.${number}.1`, right: `10.77.${number}.2` };
    for (const side of SIDES) {
      await ip("netns", "add", namespaces[side]);
      scope.defer(() => ip("netns", "del", namespaces[side]));
      await ip("-n", namespaces[side], "link", "set", "lo", "up");
    }
    const { left, right } = namespaces;
    await ip("link", "add", "call0", "netns", left, "type", "veth", "peer", "name", "call0", "netns", right);
    for (const side of SIDES) {
      await ip("-n", namespaces[side], "address", "add", `${addresses[side]}/24`, "dev", "call0");
      await ip("-n", namespaces[side], "link", "set", "call0", "up");
    }
    return new Link(scope, namespaces, addresses);
  }

  /** Lets no more than this through, each way. */
  async cut(bitrateBps) {
    for (const side of SIDES) {
      const limits = ["rate", `${bitrateBps}bit`, "burst", `${BURST_BYTES}`, "latency", `${QUEUE_MS}ms`];
      await this.#tc(side, "replace", "dev", "call0", "root", "tbf", ...limits);
    }
  }

  /** Lets everything through again. */
  async open() {
    for (const side of SIDES) await this.#tc(side, "delete", "dev", "call0", "root");
  }

  #tc(side, ...words) {
    return run(this.#scope, "tc", ["-n", this.namespaces[side], "qdisc", ...words]);
  }
}
