//! One sample a second of how a connection runs.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::statistics::stats::ice_candidate::RTCIceCandidateStats;
use rtc::statistics::stats::rtp_stream::received::inbound::RTCInboundRtpStreamStats;
use visavis_call::CandidatePair;
use visavis_congestion::Estimate;
use visavis_media::audio::{AudioStream, SAMPLE_RATE};
use visavis_media::video::{ReceiverStats, VideoReceiver};
use visavis_protocol::{AddressFamily, CandidateType};
use webrtc::peer_connection::{RTCIceCandidateType, RTCStatsReport, RTCStatsReportEntry, StatsSelector};

use super::chain::{Meter, START, Traffic};
use super::connection::Connection;
use crate::api::{PeerStats, ReceivedStats, SentStats};

const VIDEO_CLOCK_HZ: f64 = 90_000.0;

/// Remembers what rates are differences of.
pub(crate) struct Sampler {
    pub(crate) meter: Arc<Meter>,
    pub(crate) estimate: Estimate,
    pub(crate) audio: Option<Arc<AudioStream>>,
    pub(crate) video: Option<Arc<VideoReceiver>>,
    pub(crate) screen: Option<Arc<VideoReceiver>>,
    pub(crate) screen_sound: Option<Arc<AudioStream>>,
    last: Option<Snapshot>,
}

/// Counters at one moment.
#[derive(Clone, Copy)]
struct Snapshot {
    at: Instant,
    audio: AudioSnapshot,
    video: VideoSnapshot,
    screen: VideoSnapshot,
    screen_sound: AudioSnapshot,
}

/// Of one kind of sound, both ways.
#[derive(Clone, Copy)]
struct AudioSnapshot {
    sent_bytes: u64,
    received_bytes: u64,
}

impl AudioSnapshot {
    fn new(sent: &Traffic, received: &Traffic) -> Self {
        Self { sent_bytes: load(sent), received_bytes: load(received) }
    }

    /// Adds what the stream knows, and the rate since the snapshot `before`.
    fn describe(
        &self,
        before: &Self,
        per_second: impl Fn(u64, u64) -> f64,
        stream: Option<&Arc<AudioStream>>,
        received: &mut ReceivedStats,
    ) {
        received.bitrate_bps = (per_second(self.received_bytes, before.received_bytes) * 8.0) as u64;
        if let Some(stream) = stream {
            let stats = stream.stats();
            received.jitter_buffer_ms = stats.buffer.delay.as_secs_f64() * 1e3;
            received.concealed = stats.buffer.concealed();
        }
    }
}

/// Of one kind of pictures, both ways.
#[derive(Clone, Copy)]
struct VideoSnapshot {
    sent_bytes: u64,
    received_bytes: u64,
    receiver: ReceiverStats,
}

impl VideoSnapshot {
    fn new(sent: &Traffic, received: &Traffic, receiver: Option<&Arc<VideoReceiver>>) -> Self {
        Self {
            sent_bytes: load(sent),
            received_bytes: load(received),
            receiver: receiver.map(|receiver| receiver.stats()).unwrap_or_default(),
        }
    }

    /// Adds what the receiver knows, and rates since the snapshot `before`.
    fn describe(&self, before: &Self, per_second: impl Fn(u64, u64) -> f64, received: &mut ReceivedStats) {
        let (now, last) = (&self.receiver, &before.receiver);
        received.bitrate_bps = (per_second(self.received_bytes, before.received_bytes) * 8.0) as u64;
        received.frames_per_second = per_second(now.frames_decoded, last.frames_decoded);
        received.frames_decoded = now.frames_decoded;
        (received.width, received.height) = (now.width, now.height);
        received.freezes = now.freezes;
        let emitted = now.frames_emitted.saturating_sub(last.frames_emitted).max(1) as f64;
        let delay = now.jitter_buffer_delay.saturating_sub(last.jitter_buffer_delay);
        received.jitter_buffer_ms = delay.as_secs_f64() * 1e3 / emitted;
    }
}

impl Sampler {
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self {
            meter,
            estimate: START,
            audio: None,
            video: None,
            screen: None,
            screen_sound: None,
            last: None,
        }
    }

    /// The sample, without what only the owner of the encoders knows.
    pub(crate) async fn sample(&mut self, connection: &Connection, now: Instant) -> PeerStats {
        let report = connection.pc.get_stats(now, StatsSelector::None).await;
        let meter = &self.meter;
        let snapshot = Snapshot {
            at: now,
            audio: AudioSnapshot::new(&meter.sent_audio, &meter.received_audio),
            video: VideoSnapshot::new(&meter.sent_video, &meter.received_video, self.video.as_ref()),
            screen: VideoSnapshot::new(&meter.sent_screen, &meter.received_screen, self.screen.as_ref()),
            screen_sound: AudioSnapshot::new(&meter.sent_screen_sound, &meter.received_screen_sound),
        };
        let last = self.last.replace(snapshot).unwrap_or(snapshot);
        let seconds = now.saturating_duration_since(last.at).as_secs_f64();
        let per_second = |now: u64, before: u64| {
            if seconds > 0.0 { now.saturating_sub(before) as f64 / seconds } else { 0.0 }
        };
        let bitrate = |now: u64, before: u64| (per_second(now, before) * 8.0) as u64;

        let of = |kind: RtpCodecKind, is_screen: bool| {
            report.inbound_rtp_streams().find(|stream| {
                let stream = &stream.received_rtp_stream_stats.rtp_stream_stats;
                stream.kind == kind && meter.is_remote_screen(stream.ssrc) == is_screen
            })
        };
        let mut received_audio =
            received(&self.meter.received_audio, of(RtpCodecKind::Audio, false), f64::from(SAMPLE_RATE));
        snapshot.audio.describe(&last.audio, per_second, self.audio.as_ref(), &mut received_audio);
        let (traffic, inbound) = (&self.meter.received_screen_sound, of(RtpCodecKind::Audio, true));
        let mut received_screen_sound = received(traffic, inbound, f64::from(SAMPLE_RATE));
        let (now_sound, last_sound) = (&snapshot.screen_sound, &last.screen_sound);
        now_sound.describe(last_sound, per_second, self.screen_sound.as_ref(), &mut received_screen_sound);
        let mut received_video =
            received(&self.meter.received_video, of(RtpCodecKind::Video, false), VIDEO_CLOCK_HZ);
        snapshot.video.describe(&last.video, per_second, &mut received_video);
        let mut received_screen =
            received(&self.meter.received_screen, of(RtpCodecKind::Video, true), VIDEO_CLOCK_HZ);
        snapshot.screen.describe(&last.screen, per_second, &mut received_screen);
        let pair = selected_pair(connection, &report);
        if let Some((_, rtt_ms)) = &pair {
            for receiver in [&self.video, &self.screen].into_iter().flatten() {
                receiver.set_round_trip(Duration::from_secs_f64(rtt_ms.max(0.0) / 1e3));
            }
        }
        PeerStats {
            participant: String::new(),
            rtt_ms: pair.as_ref().map(|(_, rtt_ms)| *rtt_ms).filter(|rtt_ms| *rtt_ms > 0.0),
            candidate_pair: pair.map(|(pair, _)| pair),
            estimate_bps: self.estimate.target_bps,
            sent_audio: SentStats {
                bitrate_bps: bitrate(snapshot.audio.sent_bytes, last.audio.sent_bytes),
                ..sent(&self.meter.sent_audio)
            },
            sent_video: SentStats {
                bitrate_bps: bitrate(snapshot.video.sent_bytes, last.video.sent_bytes),
                ..sent(&self.meter.sent_video)
            },
            sent_screen: SentStats {
                bitrate_bps: bitrate(snapshot.screen.sent_bytes, last.screen.sent_bytes),
                ..sent(&self.meter.sent_screen)
            },
            sent_screen_sound: SentStats {
                bitrate_bps: bitrate(snapshot.screen_sound.sent_bytes, last.screen_sound.sent_bytes),
                ..sent(&self.meter.sent_screen_sound)
            },
            received_audio,
            received_video,
            received_screen,
            received_screen_sound,
        }
    }
}

fn load(traffic: &Traffic) -> u64 {
    traffic.bytes.load(Ordering::Relaxed)
}

fn sent(traffic: &Traffic) -> SentStats {
    SentStats {
        packets: traffic.packets.load(Ordering::Relaxed),
        retransmitted_packets: traffic.retransmitted.load(Ordering::Relaxed),
        loss: f64::from(traffic.fraction_lost.load(Ordering::Relaxed)) / 256.0,
        nacks: traffic.nacks.load(Ordering::Relaxed),
        plis: traffic.plis.load(Ordering::Relaxed),
        firs: traffic.firs.load(Ordering::Relaxed),
        ..Default::default()
    }
}

/// What the meter counted, and what the crate knows of loss and jitter (RFC 3550 appendix A).
fn received(traffic: &Traffic, inbound: Option<&RTCInboundRtpStreamStats>, clock_hz: f64) -> ReceivedStats {
    ReceivedStats {
        packets: traffic.packets.load(Ordering::Relaxed),
        nacks: traffic.nacks.load(Ordering::Relaxed),
        plis: traffic.plis.load(Ordering::Relaxed),
        lost_packets: inbound.map_or(0, |stream| stream.received_rtp_stream_stats.packets_lost),
        // The crate gives ticks where the specification wants seconds.
        jitter_ms: inbound.map_or(0.0, |stream| stream.received_rtp_stream_stats.jitter / clock_hz * 1e3),
        ..Default::default()
    }
}

/// The address of this host that the pair in use sends from.
pub(crate) async fn local_address(connection: &Connection) -> Option<IpAddr> {
    let report = connection.pc.get_stats(Instant::now(), StatsSelector::None).await;
    let selected = report.transport()?.selected_candidate_pair_id.clone();
    let pair = report.candidate_pairs().find(|pair| pair.stats.id == selected)?;
    match report.get(&format!("RTCLocalIceCandidate_{}", pair.local_candidate_id)) {
        Some(RTCStatsReportEntry::LocalCandidate(candidate)) => {
            // A reflexive candidate is sent from its base.
            candidate.related_address.parse().ok().or_else(|| candidate.address.as_ref()?.parse().ok())
        }
        _ => None,
    }
}

/// The pair in use and its round trip in milliseconds.
fn selected_pair(connection: &Connection, report: &RTCStatsReport) -> Option<(CandidatePair, f64)> {
    let selected = report.transport()?.selected_candidate_pair_id.clone();
    let pair = report
        .candidate_pairs()
        .find(|pair| pair.stats.id == selected)
        .or_else(|| report.candidate_pairs().find(|pair| pair.nominated))?;
    let local = candidate(report, &format!("RTCLocalIceCandidate_{}", pair.local_candidate_id));
    let remote = candidate(report, &format!("RTCRemoteIceCandidate_{}", pair.remote_candidate_id));
    let relay = local.filter(|candidate| candidate.candidate_type == RTCIceCandidateType::Relay);
    let described = CandidatePair {
        local: candidate_type(local),
        remote: candidate_type(remote),
        relay_protocol: relay.map(|candidate| connection.relay_protocol(&candidate.url)),
        family: local.and_then(family).or_else(|| remote.and_then(family)),
    };
    Some((described, pair.current_round_trip_time * 1e3))
}

fn candidate<'a>(report: &'a RTCStatsReport, id: &str) -> Option<&'a RTCIceCandidateStats> {
    match report.get(id) {
        Some(
            RTCStatsReportEntry::LocalCandidate(candidate) | RTCStatsReportEntry::RemoteCandidate(candidate),
        ) => Some(candidate),
        _ => None,
    }
}

/// Only candidates that were signaled are in a report: others are those that checks brought.
fn candidate_type(candidate: Option<&RTCIceCandidateStats>) -> CandidateType {
    match candidate.map(|candidate| candidate.candidate_type) {
        Some(RTCIceCandidateType::Host) => CandidateType::Host,
        Some(RTCIceCandidateType::Srflx) => CandidateType::Srflx,
        Some(RTCIceCandidateType::Relay) => CandidateType::Relay,
        _ => CandidateType::Prflx,
    }
}

fn family(candidate: &RTCIceCandidateStats) -> Option<AddressFamily> {
    match candidate.address.as_ref()?.parse().ok()? {
        IpAddr::V4(_) => Some(AddressFamily::Ipv4),
        IpAddr::V6(_) => Some(AddressFamily::Ipv6),
    }
}
