import { expect, test } from "vitest";
import { relayedCandidate, relayedDescription } from "./relayed";

const RELAY = "candidate:1 1 udp 16777215 192.0.2.1 50000 typ relay raddr 198.51.100.7 rport 40000 generation 0";
const HIDDEN = "candidate:1 1 udp 16777215 192.0.2.1 50000 typ relay raddr 0.0.0.0 rport 9 generation 0";
const HOST = "candidate:1 1 udp 2122260223 198.51.100.7 40000 typ host";

test("a relay does not say where it is used from", () => {
  expect(relayedCandidate(RELAY)).toBe(HIDDEN);
  expect(relayedCandidate("candidate:1 1 UDP 1 2001:db8::1 5 typ relay rport 7 raddr 2001:db8::7")).toBe(
    "candidate:1 1 UDP 1 2001:db8::1 5 typ relay rport 9 raddr ::",
  );
});

test.each([
  HOST,
  "candidate:1 1 udp 1 203.0.113.9 6 typ srflx raddr 198.51.100.7 rport 40000",
  "candidate:1 1 udp 1 4d1c8f2e.local 6 typ host",
  "candidate:1 1 tcp 1 192.0.2.1 9 typ relay raddr 0.0.0.0 rport 0 tcptype passive",
  "candidate:1 1 udp 1 198.51.100.7 6 typ host typ relay",
  "candidate:1 1 udp 1 198.51.100.7 6 relay",
  "typ relay",
  "",
])("anything else is kept back: %s", (text) => {
  expect(relayedCandidate(text)).toBeUndefined();
});

test("a description keeps all but the other candidates", () => {
  const sdp = `v=0\r\na=${HOST}\r\na=${RELAY}\r\na=x\ra=${HOST}\r\na=${HOST}\na=ice-ufrag:u\r\n`;
  expect(relayedDescription(sdp)).toBe(`v=0\r\na=${HIDDEN}\r\na=ice-ufrag:u\r\n`);
  const untouched = "v=0\r\no=- 2 1 IN IP4 127.0.0.1\na=end-of-candidates\r\n\r\n";
  expect(relayedDescription(untouched)).toBe(untouched);
});
