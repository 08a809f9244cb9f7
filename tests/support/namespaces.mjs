import { run } from "./process.mjs";

export const SIDES = ["left", "right"];

let pairs = 0;

/**
 * Two network namespaces from which nothing leads out, and addresses for a link between them. Needs root.
 *
 * @typedef {{ left: string, right: string }} Pair
 *
 * @param {import("./scope.mjs").Scope} scope
 * @returns {Promise<{ namespaces: Pair, addresses: Pair }>}
 */
export async function twoNamespaces(scope) {
  if (process.getuid() !== 0) throw new Error("network namespaces need root");
  const number = ++pairs;
  const namespaces = Object.fromEntries(SIDES.map((side) => [side, `visavis-${process.pid}-${number}-${side}`]));
  for (const side of SIDES) {
    await run(scope, "ip", ["netns", "add", namespaces[side]]);
    scope.defer(() => run(scope, "ip", ["netns", "del", namespaces[side]]));
    await run(scope, "ip", ["-n", namespaces[side], "link", "set", "lo", "up"]);
  }
  return { namespaces, addresses: { left: `10.77.${number}.1`, right: `10.77.${number}.2` } };
}

/** Gives the device of that name in both namespaces its address, and brings it up. */
export async function bringUp(scope, { namespaces, addresses }, device) {
  for (const side of SIDES) {
    await run(scope, "ip", ["-n", namespaces[side], "address", "add", `${addresses[side]}/24`, "dev", device]);
    await run(scope, "ip", ["-n", namespaces[side], "link", "set", device, "up"]);
  }
}
