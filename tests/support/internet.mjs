import { run } from "./process.mjs";

const HOSTS = ["left", "right"];
const DEVICES = ["wired0", "radio0"];

let count = 0;

/**
 * Two hosts, each with two interfaces to a router that stands for the internet: three network namespaces. Everything
 * reaches everything; a host prefers its first interface, `wired0`, to the second, `radio0`. Needs root.
 */
export class Internet {
  #scope;

  constructor(scope, namespaces, address) {
    this.#scope = scope;
    /** Names of the namespaces. @type {{ left: string, right: string, router: string }} */
    this.namespaces = namespaces;
    /** Where the router itself is reached. */
    this.address = address;
  }

  /** @param {import("./scope.mjs").Scope} scope */
  static async up(scope) {
    if (process.getuid() !== 0) throw new Error("network namespaces need root");
    const number = ++count;
    const name = (host) => `visavis-${process.pid}-net${number}-${host}`;
    const namespaces = { left: name("left"), right: name("right"), router: name("router") };
    const internet = new Internet(scope, namespaces, "10.79.0.1");
    for (const namespace of Object.values(namespaces)) {
      await run(scope, "ip", ["netns", "add", namespace]);
      scope.defer(() => run(scope, "ip", ["netns", "del", namespace]));
      await run(scope, "ip", ["-n", namespace, "link", "set", "lo", "up"]);
    }
    await internet.#ip("router", "address", "add", `${internet.address}/32`, "dev", "lo");
    await run(scope, "sysctl", ["-qw", "net.ipv4.ip_forward=1"], { namespace: namespaces.router });
    for (const host of HOSTS) {
      for (const [index, device] of DEVICES.entries()) {
        const subnet = subnetOf(host, device);
        const far = `${host}${index}`;
        const pair = ["link", "add", device, "netns", namespaces[host], "type", "veth", "peer", "name", far];
        await run(scope, "ip", [...pair, "netns", namespaces.router]);
        await internet.#ip("router", "address", "add", `${subnet}.1/24`, "dev", far);
        await internet.#ip("router", "link", "set", far, "up");
        await internet.#ip(host, "address", "add", `${subnet}.2/24`, "dev", device);
        await internet.#ip(host, "link", "set", device, "up");
        const route = ["route", "add", "default", "via", `${subnet}.1`, "dev", device];
        await internet.#ip(host, ...route, "metric", String(100 * (index + 1)));
      }
    }
    return internet;
  }

  /** Takes an interface away from a host, and its addresses with it. */
  async remove(host, device) {
    await this.#ip(host, "link", "delete", device);
  }

  /** Lets a host reach the router's own address over one interface alone. */
  async reach(host, device) {
    await this.#ip(host, "route", "add", this.address, "via", `${subnetOf(host, device)}.1`, "dev", device);
  }

  /** Lets no datagram leave from an interface's address, or lets them again: what is not TCP takes the other one. */
  async silence(host, device, silent) {
    const rule = ["from", `${subnetOf(host, device)}.2`, "ipproto", "udp", "blackhole"];
    await this.#ip(host, "rule", silent ? "add" : "delete", ...rule);
  }

  #ip(host, ...words) {
    return run(this.#scope, "ip", ["-n", this.namespaces[host], ...words]);
  }
}

function subnetOf(host, device) {
  return `10.78.${10 * HOSTS.indexOf(host) + DEVICES.indexOf(device)}`;
}
