import type { AddressFamily } from "../../generated/AddressFamily";
import type { CandidatePair } from "../../generated/CandidatePair";
import type { CandidateType } from "../../generated/CandidateType";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { PeerStats } from "../../generated/PeerStats";
import type { RelayProtocol } from "../../generated/RelayProtocol";
import type { ReceivedStats } from "../../generated/ReceivedStats";
import type { SentStats } from "../../generated/SentStats";
import { kindOf, type Source } from "./sections";

/** One object of a statistics report: fields of the W3C's webrtc-stats, of which any may be missing. */
export type StatsObject = Readonly<Record<string, unknown>> & { id: string; type: string; timestamp: number };

/** A report of `RTCPeerConnection.getStats()`, by id. */
export type StatsReport = ReadonlyMap<string, StatsObject>;

/** The state of one peer connection, with rates since the report before. @param sources of the media sections, by mid */
export function peerStats(
  participant: ParticipantId,
  now: StatsReport,
  before: StatsReport | undefined,
  sources: ReadonlyMap<string, Source>,
): PeerStats {
  const pair = selectedPair(now);
  const rtt = pair && optionalNumber(pair, "currentRoundTripTime");
  // Tracks of a kind are told apart by their media sections.
  const sample = (type: string, source: Source): Sample => {
    const ofKind = [...now.values()].filter((it) => it.type === type && it["kind"] === kindOf(source));
    const object = ofKind.find((it) => (sources.get(String(it["mid"])) ?? kindOf(source)) === source);
    return { now: object, before: object && before?.get(object.id) };
  };
  return {
    participant,
    candidate_pair: pair ? candidatePair(pair, now) : null,
    rtt_ms: rtt === undefined ? null : rtt * 1000,
    estimate_bps: Math.round(number(pair, "availableOutgoingBitrate")),
    sent_audio: sent(sample("outbound-rtp", "audio"), now),
    sent_video: sent(sample("outbound-rtp", "video"), now),
    sent_screen: sent(sample("outbound-rtp", "screen"), now),
    sent_screen_sound: sent(sample("outbound-rtp", "screen_sound"), now),
    received_audio: received(sample("inbound-rtp", "audio")),
    received_video: received(sample("inbound-rtp", "video")),
    received_screen: received(sample("inbound-rtp", "screen")),
    received_screen_sound: received(sample("inbound-rtp", "screen_sound")),
  };
}

/** Whether the browser sends less of a picture than it may for want of processor time. */
export function isCpuLimited(report: StatsReport): boolean {
  return find(report, (it) => it.type === "outbound-rtp" && it["qualityLimitationReason"] === "cpu") !== undefined;
}

/** The same object now and a report earlier. */
interface Sample {
  now: StatsObject | undefined;
  before: StatsObject | undefined;
}

function sent(sample: Sample, report: StatsReport): SentStats {
  const { now } = sample;
  const remote = now && find(report, (it) => it.type === "remote-inbound-rtp" && it["localId"] === now.id);
  return {
    bitrate_bps: Math.round(rate(sample, "bytesSent") * 8),
    target_bps: Math.round(number(now, "targetBitrate")),
    frames_per_second: rate(sample, "framesSent"),
    width: number(now, "frameWidth"),
    height: number(now, "frameHeight"),
    packets: number(now, "packetsSent"),
    retransmitted_packets: number(now, "retransmittedPacketsSent"),
    loss: number(remote, "fractionLost"),
    nacks: number(now, "nackCount"),
    plis: number(now, "pliCount"),
    firs: number(now, "firCount"),
    key_frames: number(now, "keyFramesEncoded"),
  };
}

function received(sample: Sample): ReceivedStats {
  const { now } = sample;
  return {
    bitrate_bps: Math.round(rate(sample, "bytesReceived") * 8),
    frames_per_second: rate(sample, "framesDecoded"),
    width: number(now, "frameWidth"),
    height: number(now, "frameHeight"),
    packets: number(now, "packetsReceived"),
    lost_packets: number(now, "packetsLost"),
    jitter_ms: number(now, "jitter") * 1000,
    jitter_buffer_ms: quotient(sample, "jitterBufferDelay", "jitterBufferEmittedCount") * 1000,
    concealed: number(now, "concealedSamples") / Math.max(number(now, "totalSamplesReceived"), 1),
    freezes: number(now, "freezeCount"),
    nacks: number(now, "nackCount"),
    plis: number(now, "pliCount"),
    frames_decoded: number(now, "framesDecoded"),
  };
}

/** The pair the transport uses; Firefox has no transport object and marks the pair itself. */
function selectedPair(report: StatsReport): StatsObject | undefined {
  const transport = find(report, (it) => it.type === "transport" && it["selectedCandidatePairId"] !== undefined);
  return transport
    ? report.get(String(transport["selectedCandidatePairId"]))
    : find(report, (it) => it.type === "candidate-pair" && it["selected"] === true);
}

function candidatePair(pair: StatsObject, report: StatsReport): CandidatePair {
  const local = report.get(String(pair["localCandidateId"]));
  const remote = report.get(String(pair["remoteCandidateId"]));
  const relayProtocol = relayProtocolOf(local);
  const family = familyOf(local) ?? familyOf(remote);
  return {
    local: typeOf(local),
    remote: typeOf(remote),
    ...(relayProtocol && { relay_protocol: relayProtocol }),
    ...(family && { family }),
  };
}

/** One that is not in the report was brought by checks. */
function typeOf(candidate: StatsObject | undefined): CandidateType {
  const type = candidate?.["candidateType"];
  return type === "host" || type === "srflx" || type === "relay" ? type : "prflx";
}

function relayProtocolOf(candidate: StatsObject | undefined): RelayProtocol | undefined {
  const protocol = candidate?.["relayProtocol"];
  return protocol === "udp" || protocol === "tcp" || protocol === "tls" ? protocol : undefined;
}

/** Browsers may hide an address, or give a name of multicast DNS in its place. */
function familyOf(candidate: StatsObject | undefined): AddressFamily | undefined {
  const address = candidate?.["address"];
  if (typeof address !== "string") return undefined;
  return address.includes(":") ? "ipv6" : /^[\d.]+$/.test(address) ? "ipv4" : undefined;
}

function find(report: StatsReport, matches: (object: StatsObject) => boolean): StatsObject | undefined {
  for (const object of report.values()) if (matches(object)) return object;
  return undefined;
}

/** Growth of a counter a second. */
function rate({ now, before }: Sample, field: string): number {
  if (now === undefined || before === undefined || now.timestamp <= before.timestamp) return 0;
  return ((number(now, field) - number(before, field)) * 1000) / (now.timestamp - before.timestamp);
}

/** Growth of one counter by growth of another. */
function quotient({ now, before }: Sample, dividend: string, divisor: string): number {
  const count = number(now, divisor) - number(before, divisor);
  return count > 0 ? (number(now, dividend) - number(before, dividend)) / count : 0;
}

function number(object: StatsObject | undefined, field: string): number {
  return (object && optionalNumber(object, field)) ?? 0;
}

function optionalNumber(object: StatsObject, field: string): number | undefined {
  const value = object[field];
  return typeof value === "number" ? value : undefined;
}
