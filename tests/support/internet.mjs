import { until } from "./deadline.mjs";
import { run } from "./process.mjs";

const HOSTS = ["left", "right"];
const DEVICES = ["wired0", "radio0"];
/** For what must not be lost. */
const SERVER_DEVICE = "server0";

let count = 0;

/**
 * What a family of addresses looks like here.
 *
 * @typedef {object} Family
 * @property {string} router where the router itself is reached
 * @property {(subnet: number, host: number) => string} host
 * @property {number} bits of a subnet
 * @property {string} word by which `ip` knows it
 */

/** @type {Record<4 | 6, Family>} */
const FAMILIES = {
  4: { router: "10.79.0.1", host: (subnet, host) => `10.78.${subnet}.${host}`, bits: 24, word: "-4" },
  6: { router: "fd79::1", host: (subnet, host) => `fd78:0:0:${subnet}::${host}`, bits: 64, word: "-6" },
};

/**
 * Two hosts, each with two interfaces to a router that stands for the internet: three network namespaces. Everything
 * reaches everything; a host prefers its first interface, `wired0`, to the second, `radio0`. Needs root.
 */
export class Internet {
  #scope;
  /** How often the NAT has been given ports. */
  #bindings = 0;

  /** @type {Family} */
  #family;

  constructor(scope, namespaces, family) {
    this.#scope = scope;
    this.#family = FAMILIES[family];
    /** Names of the namespaces. @type {{ left: string, right: string, router: string }} */
    this.namespaces = namespaces;
    /** Where the router itself is reached. */
    this.address = this.#family.router;
    /** Of either family. */
    this.routerAddresses = Object.values(FAMILIES).map(({ router }) => router);
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {{ serverApart?: boolean, family?: 4 | 6 }} [options] `serverApart`: hosts have a third interface, by which only the
   *   router's own address is reached and no datagram leaves; `family`: that of the hosts' addresses. The router has both. What
   *   is done to single connections or addresses is done to those of IPv4.
   */
  static async up(scope, { serverApart = false, family = 4 } = {}) {
    if (process.getuid() !== 0) throw new Error("network namespaces need root");
    const number = ++count;
    const name = (host) => `visavis-${process.pid}-net${number}-${host}`;
    const namespaces = { left: name("left"), right: name("right"), router: name("router") };
    const internet = new Internet(scope, namespaces, family);
    for (const namespace of Object.values(namespaces)) {
      await run(scope, "ip", ["netns", "add", namespace]);
      scope.defer(() => run(scope, "ip", ["netns", "del", namespace]));
      await run(scope, "ip", ["-n", namespace, "link", "set", "lo", "up"]);
    }
    for (const { router } of Object.values(FAMILIES)) await internet.#ip("router", "address", "add", router, "dev", "lo");
    await run(scope, "sysctl", ["-qw", "net.ipv4.ip_forward=1"], { namespace: namespaces.router });
    for (const host of HOSTS) {
      for (const device of DEVICES) await internet.add(host, device);
      if (serverApart) {
        await internet.add(host, SERVER_DEVICE);
        const way = ["via", internet.#family.host(subnetOf(host, SERVER_DEVICE), 1), "dev", SERVER_DEVICE];
        await internet.#ip(host, "route", "add", internet.address, ...way);
        await internet.silence(host, SERVER_DEVICE, true);
      }
    }
    return internet;
  }

  /** Gives a host an interface that it does not have, or no longer. */
  async add(host, device) {
    const far = farEndOf(host, device);
    const pair = ["link", "add", device, "netns", this.namespaces[host], "type", "veth", "peer", "name", far];
    await run(this.#scope, "ip", [...pair, "netns", this.namespaces.router]);
    await this.#address("router", far, this.#family.host(subnetOf(host, device), 1));
    await this.#ip("router", "link", "set", far, "up");
    await this.#address(host, device, this.#family.host(subnetOf(host, device), 2));
    await this.#ip(host, "link", "set", device, "up");
    const way = ["via", this.#family.host(subnetOf(host, device), 1), "dev", device];
    await this.#ip(host, this.#family.word, "route", "add", "default", ...way, "metric", String(100 * (indexOf(device) + 1)));
  }

  /** Takes an interface away from a host, and its addresses with it. */
  async remove(host, device) {
    await this.#ip(host, "link", "delete", device);
  }

  /** Lets no datagram leave from an interface's address, or lets them again: what is not TCP takes the other one. */
  async silence(host, device, silent) {
    const rule = ["from", this.#family.host(subnetOf(host, device), 2), "ipproto", "udp", "blackhole"];
    await this.#ip(host, "rule", silent ? "add" : "delete", ...rule);
  }

  /** Loses every datagram on its way, or lets them through again; what is not UDP gets through all the time. */
  async lose(lost) {
    for (const host of HOSTS) {
      for (const device of DEVICES) {
        const rule = ["iif", farEndOf(host, device), "ipproto", "udp", "blackhole"];
        await this.#ip("router", "rule", lost ? "add" : "delete", ...rule);
      }
    }
  }

  /**
   * Puts the left host's datagrams behind a NAT: the right host sees them come from the router, and gets through to them
   * only where it was spoken to. Of TCP nothing is changed.
   */
  async translate() {
    await this.#nft(
      "add table ip nat",
      "add chain ip nat out { type nat hook postrouting priority srcnat; }",
      "add chain ip nat through { type filter hook forward priority filter; }",
      "add chain ip nat to { type filter hook input priority filter; }",
      'add rule ip nat through iifname "right*" meta l4proto udp ct state new drop',
      // Without an answer, as most of them drop what they do not know.
      'add rule ip nat to iifname "right*" meta l4proto udp drop',
    );
    await this.rebind();
  }

  /** Has the NAT forget what it knows, and use other ports from now on. */
  async rebind() {
    const from = 40_000 + 1000 * this.#bindings++;
    const left = `${this.#family.host(subnetOf("left", DEVICES[0]), 0)}/22`;
    await this.#nft(
      "flush chain ip nat out",
      `add rule ip nat out ip saddr ${left} meta l4proto udp masquerade to :${from}-${from + 999}`,
    );
    await run(this.#scope, "conntrack", ["-F"], { namespace: this.namespaces.router });
  }

  /** Has the hosts reach the router and no longer each other. */
  async part() {
    await run(this.#scope, "sysctl", ["-qw", "net.ipv4.ip_forward=0"], { namespace: this.namespaces.router });
  }

  /**
   * Lets nothing of the hosts reach the router but connections to these ports of TCP.
   *
   * @param {number[]} ports
   */
  async letInOnly(ports) {
    await this.#nft(
      "add table inet fence",
      "add chain inet fence input { type filter hook input priority filter; policy drop; }",
      "add rule inet fence input iifname lo accept",
      "add rule inet fence input meta l4proto ipv6-icmp accept",
      `add rule inet fence input tcp dport { ${ports.join(", ")} } accept`,
    );
  }

  /** Breaks the left host's connections to a port of the router, the one time that it next says something there. */
  async breakConnections(port) {
    await this.#nft(
      "add table inet cut",
      "add counter inet cut broken",
      "add chain inet cut input { type filter hook input priority filter - 1; }",
      `add rule inet cut input iifname "left*" tcp dport ${port} counter name broken reject with tcp reset`,
    );
    await until(5_000, "a connection to break", async () => (await this.#counted("cut")).broken.packets > 0);
    await this.#nft("delete table inet cut");
  }

  /** Loses from here on all that belongs to the left host's present connections to a port of the router. Neither end is told. */
  async silenceConnections(port) {
    const words = ["-Htn", "state", "established", "sport", "=", `:${port}`];
    const lines = (await run(this.#scope, "ss", words, { namespace: this.namespaces.router })).trim().split("\n");
    const hosts = DEVICES.map((device) => this.#family.host(subnetOf("left", device), 2));
    const ends = lines.map((line) => line.trim().split(/\s+/).at(-1)).filter((end) => hosts.some((host) => end.startsWith(`${host}:`)));
    if (ends.length === 0) throw new Error(`nobody is connected to port ${port}`);
    await this.#nft(
      "add table ip hush",
      `add set ip hush ends { type ipv4_addr . inet_service; elements = { ${ends.map((end) => end.replace(":", " . ")).join(", ")} }; }`,
      "add chain ip hush input { type filter hook input priority filter - 1; }",
      "add chain ip hush output { type filter hook output priority filter - 1; }",
      `add rule ip hush input ip saddr . tcp sport @ends tcp dport ${port} drop`,
      `add rule ip hush output ip daddr . tcp dport @ends tcp sport ${port} drop`,
    );
  }

  /** Counts from here on what the hosts send to a port of the router. */
  async count(port) {
    await this.#nft(
      "add table inet scale",
      "add counter inet scale datagrams",
      "add counter inet scale segments",
      "add chain inet scale arriving { type filter hook input priority filter - 2; }",
      `add rule inet scale arriving udp dport ${port} counter name datagrams`,
      `add rule inet scale arriving tcp dport ${port} counter name segments`,
    );
  }

  /** @returns {Promise<{ udpBytes: number, tcpBytes: number }>} what was counted */
  async counted() {
    const { datagrams, segments } = await this.#counted("scale");
    return { udpBytes: datagrams.bytes, tcpBytes: segments.bytes };
  }

  /** @returns {Promise<Record<string, { packets: number, bytes: number }>>} the counters of a table */
  async #counted(table) {
    const { nftables } = JSON.parse(await this.#nftAsk("list", "counters", "table", "inet", table));
    return Object.fromEntries(nftables.filter((it) => "counter" in it).map(({ counter }) => [counter.name, counter]));
  }

  #nftAsk(...words) {
    return run(this.#scope, "nft", ["-j", ...words], { namespace: this.namespaces.router });
  }

  #nft(...lines) {
    return run(this.#scope, "nft", [lines.join("; ")], { namespace: this.namespaces.router });
  }

  async #address(host, device, address) {
    // Without waiting for somebody else who might have an address of IPv6.
    const words = this.#family === FAMILIES[6] ? ["nodad"] : [];
    await this.#ip(host, "address", "add", `${address}/${this.#family.bits}`, "dev", device, ...words);
  }

  #ip(host, ...words) {
    return run(this.#scope, "ip", ["-n", this.namespaces[host], ...words]);
  }
}

/** The router's end of an interface. */
function farEndOf(host, device) {
  return `${host}${indexOf(device)}`;
}

function subnetOf(host, device) {
  return 16 * HOSTS.indexOf(host) + indexOf(device);
}

function indexOf(device) {
  return [...DEVICES, SERVER_DEVICE].indexOf(device);
}
