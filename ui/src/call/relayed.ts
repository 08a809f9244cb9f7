/**
 * What may be said of the own addresses, and is taken of the other's, where media is relayed: nothing but relays. The twin of
 * `crates/call/src/relayed.rs`.
 */

/**
 * A candidate attribute (RFC 8839 section 5.1) of a relay over UDP, without the address that the relay sees; undefined for any
 * other.
 */
export function relayedCandidate(text: string): string | undefined {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const [, , transport, , address = "", , typ, type] = words;
  if (transport?.toLowerCase() !== "udp" || typ !== "typ" || type !== "relay") return undefined;
  // The values of RFC 8839 for an address that is not told.
  const hidden = new Map([["raddr", address.includes(":") ? "::" : "0.0.0.0"], ["rport", "9"]]);
  return words
    .map((word, at) => {
      const name = at > 8 && at % 2 === 1 ? words[at - 1] : undefined;
      return (name !== undefined && hidden.get(name)) || word;
    })
    .join(" ");
}

/** A description with no other candidates than these. */
export function relayedDescription(sdp: string): string {
  return sdp.split(/(?<=\n)/).map(relayedLine).join("");
}

function relayedLine(line: string): string {
  // A carriage return within it may end a line to one who reads it.
  if (!line.split("\r").some((part) => part.startsWith("a=candidate:"))) return line;
  const candidate = line.startsWith("a=") ? relayedCandidate(line.slice(2)) : undefined;
  return candidate === undefined ? "" : `a=${candidate}\r\n`;
}
