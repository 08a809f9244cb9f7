use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rtc::interceptor::{AttributedPacket, RTPHeaderExtension};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, SymbolTypeTcc,
};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::nack_pairs_from_sequence_numbers;
use rtc::rtp::extension::transport_cc_extension::TransportCcExtension;
use rtc::shared::TransportContext;
use rtc::shared::marshal::Unmarshal as _;

use super::*;

const AUDIO: u32 = 1;
const VIDEO: u32 = 2;
const RTX: u32 = 3;
const SCREEN: u32 = 4;
const EXTENSION: u8 = 5;

struct Rig {
    outbound: Outbound<Box<dyn Fn(VideoKind) + Send + Sync>>,
    estimate: watch::Receiver<Estimate>,
    dropped: Arc<AtomicU32>,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        let (publish, estimate) = watch::channel(START);
        let dropped = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&dropped);
        let on_dropped: Box<dyn Fn(VideoKind) + Send + Sync> = Box::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mut outbound = Outbound::new(publish, watch::channel(false).1, SCREEN, on_dropped);
        let extensions =
            vec![RTPHeaderExtension { uri: TRANSPORT_WIDE_URI.to_owned(), id: u16::from(EXTENSION) }];
        outbound.bind_local_stream(&StreamInfo {
            ssrc: AUDIO,
            mime_type: "audio/opus".to_owned(),
            rtp_header_extensions: extensions.clone(),
            ..Default::default()
        });
        outbound.bind_local_stream(&StreamInfo {
            ssrc: VIDEO,
            ssrc_rtx: Some(RTX),
            payload_type: 96,
            payload_type_rtx: Some(97),
            mime_type: "video/VP8".to_owned(),
            rtp_header_extensions: extensions,
            ..Default::default()
        });
        Self { outbound, estimate, dropped, now: Instant::now() }
    }

    fn tagged(&self, packet: Packet) -> TaggedPacket {
        TaggedPacket {
            now: self.now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(packet),
        }
    }

    fn write(&mut self, ssrc: u32, sequence_number: u16, timestamp: u32, bytes: usize) {
        let header = rtp::Header {
            version: 2,
            ssrc,
            sequence_number,
            timestamp,
            payload_type: 96,
            ..Default::default()
        };
        let packet = Packet::Rtp(rtp::Packet { header, payload: Bytes::from(vec![7; bytes]) });
        let tagged = self.tagged(packet);
        self.outbound.handle_write(tagged).expect("never fails");
    }

    fn read(&mut self, packet: Box<dyn rtc::rtcp::Packet>) {
        let tagged = self.tagged(Packet::Rtcp(vec![packet]));
        self.outbound.handle_read(tagged).expect("never fails");
    }

    fn nack(&mut self, missing: &[u16]) {
        let nacks = nack_pairs_from_sequence_numbers(missing);
        self.read(Box::new(TransportLayerNack { sender_ssrc: 0, media_ssrc: VIDEO, nacks }));
    }

    /// So many packets from a transport-wide number on arrived.
    fn received(&mut self, base_sequence_number: u16, count: u16) {
        self.received_after_losses(base_sequence_number, 0, count);
    }

    /// From a transport-wide number on, so many packets were lost, and so many after them arrived.
    fn received_after_losses(&mut self, base_sequence_number: u16, lost: u16, count: u16) {
        let received = SymbolTypeTcc::PacketReceivedSmallDelta;
        let run = |packet_status_symbol, run_length| {
            PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol,
                run_length,
            })
        };
        self.read(Box::new(TransportLayerCc {
            base_sequence_number,
            packet_status_count: lost + count,
            reference_time: 1,
            packet_chunks: vec![run(SymbolTypeTcc::PacketNotReceived, lost), run(received, count)],
            recv_deltas: vec![RecvDelta { type_tcc_packet: received, delta: 1_000 }; usize::from(count)],
            ..Default::default()
        }));
    }

    /// What has left: SSRC, transport-wide number, packet.
    fn sent(&mut self) -> Vec<(u32, u16, rtp::Packet)> {
        std::iter::from_fn(|| self.outbound.poll_write())
            .map(|tagged| {
                let Packet::Rtp(packet) = tagged.message.packet else { panic!("only RTP was written") };
                let mut extension = packet.header.get_extension(EXTENSION).expect("every packet is numbered");
                let number =
                    TransportCcExtension::unmarshal(&mut extension).expect("a number").transport_sequence;
                (packet.header.ssrc, number, packet)
            })
            .collect()
    }

    /// Lets time pass, waking the way the driver does.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.outbound.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now + Duration::from_millis(1)).min(end);
            self.outbound.handle_timeout(self.now).expect("never fails");
            if self.now == end {
                break;
            }
        }
        self.now = end;
    }
}

#[test]
fn a_repair_is_a_stream_of_its_own_and_numbered_like_the_rest() {
    let mut rig = Rig::new();
    rig.write(VIDEO, 100, 9_000, 500);
    rig.pass(Duration::from_millis(50));
    let first = rig.sent();
    rig.nack(&[100]);
    rig.pass(Duration::from_millis(50));
    let repairs: Vec<_> = rig.sent().into_iter().filter(|(ssrc, ..)| *ssrc == RTX).collect();
    let (_, number, repair) = repairs.last().expect("an answer");
    assert!(*number > first[0].1);
    assert_eq!(repair.header.payload_type, 97);
    assert_eq!(repair.payload[..2], 100u16.to_be_bytes());
    assert_eq!(repair.payload[2..], first[0].2.payload[..]);
}

#[test]
fn a_request_that_is_repeated_at_once_is_answered_once() {
    let mut rig = Rig::new();
    rig.write(VIDEO, 100, 9_000, 500);
    // The probe that begins a call sends what was sent last, too.
    rig.pass(Duration::from_millis(1_500));
    rig.sent();
    for _ in 0..5 {
        rig.nack(&[100]);
        rig.pass(Duration::from_millis(5));
    }
    assert_eq!(rig.sent().len(), 1);
}

#[test]
fn requests_for_what_was_never_sent_are_ignored() {
    let mut rig = Rig::new();
    rig.nack(&[1, 2, 3]);
    rig.write(AUDIO, 1, 0, 80);
    rig.sent();
    rig.nack(&[1]);
    assert_eq!(rig.sent().len(), 0);
}

#[test]
fn sound_does_not_wait_behind_a_key_frame() {
    let mut rig = Rig::new();
    for packet in 0..40 {
        rig.write(VIDEO, packet, 9_000, 1_100);
    }
    let pictures =
        |sent: Vec<(u32, u16, rtp::Packet)>| sent.iter().filter(|(ssrc, ..)| *ssrc == VIDEO).count();
    let before = pictures(rig.sent());
    assert!(before < 20, "{before} of 40 packets left at once");
    rig.write(AUDIO, 1, 0, 80);
    assert_eq!(rig.sent().first().map(|(ssrc, ..)| *ssrc), Some(AUDIO));
    rig.pass(Duration::from_secs(1));
    assert_eq!(before + pictures(rig.sent()), 40);
}

#[test]
fn feedback_becomes_an_estimate() {
    let mut rig = Rig::new();
    rig.write(AUDIO, 1, 0, 80);
    rig.write(AUDIO, 2, 960, 80);
    assert_eq!(rig.sent().len(), 2);
    rig.now += Duration::from_millis(60);
    rig.received(0, 2);
    let estimate = *rig.estimate.borrow_and_update();
    assert_eq!(estimate.rtt, Some(Duration::from_millis(60)));
    assert_eq!(rig.dropped.load(Ordering::Relaxed), 0);
}

#[test]
fn feedback_of_more_than_can_have_left_is_passed_over() {
    let mut rig = Rig::new();
    rig.write(AUDIO, 1, 0, 80);
    assert_eq!(rig.sent().len(), 1);
    rig.received(0, 8193);
    assert_eq!(rig.estimate.borrow_and_update().rtt, None);
    rig.received(0, 1);
    assert_ne!(rig.estimate.borrow_and_update().rtt, None);
}

#[test]
fn what_a_lost_report_told_of_is_not_lost() {
    let loss = |lost: u16, is_told: fn(u16) -> bool| {
        let mut rig = Rig::new();
        for report in 0..100u16 {
            for packet in 0..5 {
                rig.write(AUDIO, report * 5 + packet, 0, 80);
                rig.pass(Duration::from_millis(10));
            }
            if is_told(report) {
                rig.received_after_losses(report * 5, lost, 5 - lost);
            }
        }
        rig.estimate.borrow_and_update().loss
    };
    assert_eq!(loss(0, |_| true), 0.0);
    assert_eq!(loss(0, |report| report % 5 != 0), 0.0);
    // What a report tells of as lost is, also beside reports that are.
    let share = loss(1, |report| report % 5 != 0);
    assert!((0.19..0.21).contains(&share), "{share}");
}

#[test]
fn pictures_that_wait_far_too_long_are_dropped_and_a_key_frame_is_asked_for() {
    let mut rig = Rig::new();
    for frame in 0..60u32 {
        for packet in 0..60u16 {
            rig.write(VIDEO, frame as u16 * 60 + packet, frame * 6_000, 1_100);
        }
        rig.pass(Duration::from_millis(66));
    }
    assert!(rig.dropped.load(Ordering::Relaxed) > 0);
}
