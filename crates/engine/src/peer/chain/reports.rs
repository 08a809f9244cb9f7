//! Sender reports (RFC 3550 section 6.4.1): ours say when what was sent was captured, and not when it was sent; the far
//! side's are kept for whoever puts sound and picture in step.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rtc::interceptor::{Packet, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtc::rtp;
use tokio::sync::watch;
use visavis_media::sync::{CaptureClock, NtpTime, SenderReport};

use super::stage::{Stage, own_rtcp};

/// How often each stream is reported.
const INTERVAL: Duration = Duration::from_secs(1);

/// By SSRC, when what is sent was captured.
pub(crate) type CaptureClocks = HashMap<u32, CaptureClock>;

/// By SSRC, the last report of each stream of the far side.
pub(crate) type RemoteReports = HashMap<u32, SenderReport>;

/// What this sender is called in its source descriptions (RFC 3550 section 6.5.1), and in its session descriptions.
pub(crate) const CNAME: &str = "visavis";

pub(super) struct SenderReports {
    captured: watch::Receiver<CaptureClocks>,
    remote: watch::Sender<RemoteReports>,
    local: HashMap<u32, Sent>,
    /// Streams of the far side that were negotiated.
    received: HashSet<u32>,
    /// One moment by both clocks. Steps of the system's clock are not followed: a report is compared with others only.
    wallclock: (Instant, NtpTime),
    own: VecDeque<TaggedPacket>,
}

/// What was sent of a stream, since it began.
#[derive(Debug, Default)]
struct Sent {
    packets: u32,
    /// Of payload.
    octets: u32,
    /// `None` until a packet is sent.
    report_due: Option<Instant>,
}

impl SenderReports {
    pub(super) fn new(
        captured: watch::Receiver<CaptureClocks>,
        remote: watch::Sender<RemoteReports>,
    ) -> Self {
        Self {
            captured,
            remote,
            local: HashMap::new(),
            received: HashSet::new(),
            wallclock: (Instant::now(), NtpTime::at(SystemTime::now())),
            own: VecDeque::new(),
        }
    }

    /// Writes what is due.
    fn report(&mut self, now: Instant) {
        let (origin, ntp) = self.wallclock;
        let ntp = ntp.after(now.saturating_duration_since(origin));
        for (&ssrc, sent) in &mut self.local {
            if sent.report_due.is_none_or(|due| now < due) {
                continue;
            }
            sent.report_due = Some(now + INTERVAL);
            let Some(clock) = self.captured.borrow().get(&ssrc).copied() else { continue };
            let report = rtcp::sender_report::SenderReport {
                ssrc,
                ntp_time: ntp.0,
                rtp_time: clock.timestamp_at(now),
                packet_count: sent.packets,
                octet_count: sent.octets,
                ..Default::default()
            };
            self.own.push_back(own_rtcp(now, vec![Box::new(report), Box::new(cname(ssrc))]));
        }
    }

    fn on_report(&self, report: &rtcp::sender_report::SenderReport) {
        if self.received.contains(&report.ssrc) {
            let known = SenderReport { ntp: NtpTime(report.ntp_time), timestamp: report.rtp_time };
            self.remote.send_modify(|reports| {
                reports.insert(report.ssrc, known);
            });
        }
    }
}

impl Sent {
    fn count(&mut self, now: Instant, packet: &rtp::Packet) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        // Reported with the first packet, so that the far side is in step from the beginning.
        self.report_due.get_or_insert(now);
    }
}

impl Stage for SenderReports {
    fn on_read(&mut self, tagged: &mut TaggedPacket) {
        if let Packet::Rtcp(packets) = &tagged.message.packet {
            packets
                .iter()
                .filter_map(|packet| packet.as_any().downcast_ref())
                .for_each(|report| self.on_report(report));
        }
    }

    fn on_write(&mut self, tagged: &mut TaggedPacket) {
        if let Packet::Rtp(packet) = &tagged.message.packet
            && let Some(sent) = self.local.get_mut(&packet.header.ssrc)
        {
            sent.count(tagged.now, packet);
        }
        self.report(tagged.now);
    }

    fn on_timeout(&mut self, now: Instant) {
        self.report(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.local.values().filter_map(|sent| sent.report_due).min()
    }

    fn poll_own(&mut self) -> Option<TaggedPacket> {
        self.own.pop_front()
    }

    fn bind_local(&mut self, info: &StreamInfo) {
        self.local.entry(info.ssrc).or_default();
    }

    fn unbind_local(&mut self, info: &StreamInfo) {
        self.local.remove(&info.ssrc);
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        self.received.insert(info.ssrc);
    }

    fn unbind_remote(&mut self, info: &StreamInfo) {
        self.received.remove(&info.ssrc);
        self.remote.send_modify(|reports| {
            reports.remove(&info.ssrc);
        });
    }
}

fn cname(source: u32) -> SourceDescription {
    let item =
        SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: Bytes::from_static(CNAME.as_bytes()) };
    SourceDescription { chunks: vec![SourceDescriptionChunk { source, items: vec![item] }] }
}

#[cfg(test)]
mod tests {
    use rtc::interceptor::AttributedPacket;
    use rtc::shared::TransportContext;

    use super::*;

    const AUDIO: u32 = 1;
    const VIDEO: u32 = 2;

    struct Rig {
        reports: SenderReports,
        captured: watch::Sender<CaptureClocks>,
        remote: watch::Receiver<RemoteReports>,
        now: Instant,
    }

    impl Rig {
        fn new() -> Self {
            let (captured, clocks) = watch::channel(CaptureClocks::new());
            let (publish, remote) = watch::channel(RemoteReports::new());
            let mut reports = SenderReports::new(clocks, publish);
            for ssrc in [AUDIO, VIDEO] {
                reports.bind_local(&StreamInfo { ssrc, ..Default::default() });
                reports.bind_remote(&StreamInfo { ssrc, ..Default::default() });
            }
            Self { reports, captured, remote, now: Instant::now() }
        }

        fn tagged(&self, packet: Packet) -> TaggedPacket {
            TaggedPacket {
                now: self.now,
                transport: TransportContext::default(),
                message: AttributedPacket::new(packet),
            }
        }

        /// Sends a packet that was captured so many milliseconds ago.
        fn send(&mut self, ssrc: u32, clock_hz: u32, timestamp: u32, age_ms: u64) {
            let captured = self.now - Duration::from_millis(age_ms);
            self.captured.send_modify(|clocks| {
                clocks.insert(ssrc, CaptureClock::new(clock_hz, timestamp, captured));
            });
            let header = rtp::Header { version: 2, ssrc, timestamp, ..Default::default() };
            let packet = rtp::Packet { header, payload: Bytes::from_static(&[0; 100]) };
            let mut tagged = self.tagged(Packet::Rtp(packet));
            self.reports.on_write(&mut tagged);
        }

        /// What it adds, by SSRC.
        fn written(&mut self) -> HashMap<u32, rtcp::sender_report::SenderReport> {
            std::iter::from_fn(|| self.reports.poll_own())
                .filter_map(|tagged| {
                    let Packet::Rtcp(packets) = tagged.message.packet else { return None };
                    Some(packets)
                })
                .map(|packets| {
                    let report: &rtcp::sender_report::SenderReport =
                        packets[0].as_any().downcast_ref().expect("a report comes first");
                    let description: &SourceDescription =
                        packets[1].as_any().downcast_ref().expect("and then the name");
                    assert_eq!(description.chunks[0].source, report.ssrc);
                    (report.ssrc, report.clone())
                })
                .collect()
        }
    }

    #[test]
    fn what_was_captured_together_is_reported_together_however_late_it_is_sent() {
        let mut rig = Rig::new();
        rig.send(AUDIO, 48_000, 1_000, 30);
        rig.send(VIDEO, 90_000, 5_000, 70);
        let reports = rig.written();
        assert_eq!(reports[&AUDIO].ntp_time, reports[&VIDEO].ntp_time);
        assert_eq!(reports[&AUDIO].rtp_time, 1_000 + 48 * 30);
        assert_eq!(reports[&VIDEO].rtp_time, 5_000 + 90 * 70);
        assert_eq!((reports[&AUDIO].packet_count, reports[&AUDIO].octet_count), (1, 100));
    }

    #[test]
    fn a_stream_is_reported_once_a_second_from_its_first_packet_on() {
        let mut rig = Rig::new();
        assert_eq!(rig.reports.poll_timeout(), None);
        rig.send(AUDIO, 48_000, 0, 0);
        let first = rig.written().remove(&AUDIO).expect("at once");
        rig.send(AUDIO, 48_000, 960, 0);
        assert!(rig.written().is_empty());
        let due = rig.now + INTERVAL;
        assert_eq!(rig.reports.poll_timeout(), Some(due));
        rig.reports.on_timeout(due);
        let second = rig.written().remove(&AUDIO).expect("after a second");
        assert_eq!(second.ntp_time - first.ntp_time, 1 << 32);
        assert_eq!((second.packet_count, second.rtp_time), (2, 960 + 48_000));
    }

    #[test]
    fn reports_of_the_far_side_are_kept_for_streams_that_were_negotiated() {
        let mut rig = Rig::new();
        for ssrc in [VIDEO, 9] {
            let report = rtcp::sender_report::SenderReport {
                ssrc,
                ntp_time: 7 << 32,
                rtp_time: 8,
                ..Default::default()
            };
            let mut packet = rig.tagged(Packet::Rtcp(vec![Box::new(report)]));
            rig.reports.on_read(&mut packet);
        }
        let known = HashMap::from([(VIDEO, SenderReport { ntp: NtpTime(7 << 32), timestamp: 8 })]);
        assert_eq!(*rig.remote.borrow(), known);
    }
}
