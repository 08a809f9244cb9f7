import { expect, test } from "vitest";
import { isCpuLimited, peerStats, type StatsObject, type StatsReport } from "./stats";

function report(timestamp: number, ...objects: Record<string, unknown>[]): StatsReport {
  return new Map(objects.map((object) => [String(object["id"]), { timestamp, ...object } as StatsObject]));
}

const transport = [
  { id: "t", type: "transport", selectedCandidatePairId: "pair" },
  {
    id: "pair",
    type: "candidate-pair",
    localCandidateId: "l",
    remoteCandidateId: "r",
    currentRoundTripTime: 0.025,
    availableOutgoingBitrate: 812_345.6,
  },
  { id: "l", type: "local-candidate", candidateType: "relay" },
  { id: "r", type: "remote-candidate", candidateType: "srflx" },
];

test("rates are over the time between two reports, counters as they stand", () => {
  const sent = { id: "o", type: "outbound-rtp", kind: "video", frameWidth: 640, frameHeight: 360 };
  const received = { id: "i", type: "inbound-rtp", kind: "audio", jitter: 0.004 };
  const before = report(
    1000,
    { ...sent, bytesSent: 1000, framesSent: 10 },
    { ...received, bytesReceived: 500, jitterBufferDelay: 10, jitterBufferEmittedCount: 1000 },
  );
  const now = report(
    3000,
    ...transport,
    { ...sent, bytesSent: 251_000, framesSent: 40, targetBitrate: 900_000, keyFramesEncoded: 2, pliCount: 1 },
    { id: "ri", type: "remote-inbound-rtp", localId: "o", fractionLost: 0.05 },
    {
      ...received,
      bytesReceived: 8500,
      jitterBufferDelay: 50,
      jitterBufferEmittedCount: 2000,
      packetsLost: 3,
      concealedSamples: 10,
      totalSamplesReceived: 1000,
    },
  );
  const stats = peerStats("ben", now, before, new Map());
  expect(stats).toMatchObject({
    participant: "ben",
    candidate_pair: { local: "relay", remote: "srflx" },
    rtt_ms: 25,
    estimate_bps: 812_346,
    sent_video: {
      bitrate_bps: 1_000_000,
      frames_per_second: 15,
      target_bps: 900_000,
      width: 640,
      height: 360,
      loss: 0.05,
      key_frames: 2,
      plis: 1,
    },
    received_audio: { bitrate_bps: 32_000, jitter_ms: 4, jitter_buffer_ms: 40, lost_packets: 3, concealed: 0.01 },
  });
});

test("a first report has no rates, and an empty one only zeros", () => {
  const first = report(1000, { id: "o", type: "outbound-rtp", kind: "audio", bytesSent: 4000, packetsSent: 7 });
  expect(peerStats("b", first, undefined, new Map()).sent_audio).toMatchObject({ bitrate_bps: 0, packets: 7 });
  const empty = peerStats("b", report(0), undefined, new Map());
  expect(empty).toMatchObject({ candidate_pair: null, rtt_ms: null, estimate_bps: 0 });
  expect(empty.received_video.jitter_buffer_ms).toBe(0);
});

test("a pair says what its relay is reached over, and the family of whichever address is told", () => {
  const [head, pair] = transport;
  const described = (local: object, remote: object) =>
    peerStats("b", report(0, head!, pair!, { id: "l", ...local }, { id: "r", ...remote }), undefined, new Map())
      .candidate_pair;
  expect(described({ candidateType: "relay", relayProtocol: "tls", address: "2001:db8::7" }, {})).toEqual({
    local: "relay",
    remote: "prflx",
    relay_protocol: "tls",
    family: "ipv6",
  });
  const hidden = { candidateType: "host", address: "4d1c8f2e.local" };
  expect(described(hidden, { candidateType: "srflx", address: "203.0.113.9" })).toEqual({
    local: "host",
    remote: "srflx",
    family: "ipv4",
  });
  expect(described(hidden, { candidateType: "host", address: null })).toEqual({ local: "host", remote: "host" });
});

test("Firefox marks the selected pair itself", () => {
  const [, pair, ...candidates] = transport;
  expect(peerStats("b", report(0, { ...pair, selected: true }, ...candidates), undefined, new Map()).rtt_ms).toBe(25);
});

test("the camera and the screen are told apart by their media sections", () => {
  const video = (id: string, mid: string, frameWidth: number) => ({ id, type: "inbound-rtp", kind: "video", mid, frameWidth });
  const both = report(0, video("s", "2", 1920), video("c", "1", 640));
  const sources = new Map([["0", "audio"], ["1", "video"], ["2", "screen"]] as const);
  const stats = peerStats("b", both, undefined, sources);
  expect([stats.received_video.width, stats.received_screen.width]).toEqual([640, 1920]);
  expect(peerStats("b", report(0, video("c", "1", 640)), undefined, sources).received_screen.width).toBe(0);
});

test("only a sender that says so lacks processor time", () => {
  const sender = (qualityLimitationReason: string) => report(0, { id: "o", type: "outbound-rtp", kind: "video", qualityLimitationReason });
  expect(isCpuLimited(sender("cpu"))).toBe(true);
  expect(isCpuLimited(sender("bandwidth"))).toBe(false);
  expect(isCpuLimited(report(0))).toBe(false);
});
