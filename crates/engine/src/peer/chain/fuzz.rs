use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::interceptor::{
    AttributedPacket, Interceptor as _, Packet, RTPHeaderExtension, StreamInfo, TaggedPacket,
};
use rtc::rtcp;
use rtc::rtp;
use rtc::sansio::Protocol as _;
use rtc::shared::TransportContext;
use rtc::shared::marshal::Unmarshal as _;
use tokio::sync::watch;

use super::meter::{Meter, MeterStage};
use super::nack::NackRequests;
use super::outbound::{Outbound, START, TRANSPORT_WIDE_URI};
use super::reports::{CaptureClocks, RemoteReports, SenderReports};
use super::rtx::RtxUnwrapper;
use super::stage::Staged;
use super::{ScreenSsrcs, VideoKind};

const AUDIO: u32 = 1;
const VIDEO: u32 = 2;
const RTX: u32 = 3;
const SCREEN: ScreenSsrcs = ScreenSsrcs { picture: 4, sound: 5 };
const EXTENSION: u16 = 5;
/// Of what a path takes for one datagram.
const MOST_BYTES: usize = 1500;

/// For fuzzing: what the far side's packets do to the chain, decrypted. A record is a kind, an amount and, where it is of bytes, so many of them:
///
/// | kind, of 4 | |
/// |---|---|
/// | 0 | RTP or RTCP comes, told apart as in RFC 5761 section 4 |
/// | 1 | the same, and its first bytes are those of transport-wide feedback |
/// | 2 | so many packets of pictures are sent |
/// | 3 | hundredths of a second pass |
#[doc(hidden)]
pub fn fuzz_packets(bytes: &[u8]) {
    let mut chain = Chain::new();
    let mut rest = bytes;
    while let [kind, amount, behind @ ..] = rest {
        let length = if kind % 4 < 2 { usize::from(*amount).min(behind.len()) } else { 0 };
        let (record, behind) = behind.split_at(length);
        match kind % 4 {
            0 => chain.receive(record),
            1 => chain.receive(&feedback(record)),
            2 => chain.send(*amount),
            _ => chain.pass(*amount),
        }
        rest = behind;
    }
}

/// A packet that begins like transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
fn feedback(record: &[u8]) -> Vec<u8> {
    let words = (record.len() / 4 + 2) as u16;
    let mut packet = vec![0x8f, 205];
    packet.extend(words.to_be_bytes());
    packet.extend(0_u32.to_be_bytes());
    packet.extend(VIDEO.to_be_bytes());
    packet.extend(&record[..record.len() / 4 * 4]);
    packet
}

struct Chain {
    meter: Staged<MeterStage<fn(VideoKind)>>,
    outbound: Outbound<fn(VideoKind)>,
    rtx: Staged<RtxUnwrapper>,
    nack: Staged<NackRequests>,
    reports: Staged<SenderReports>,
    _clocks: watch::Sender<CaptureClocks>,
    _sharing: watch::Sender<bool>,
    now: Instant,
    sequence_number: u16,
}

impl Chain {
    fn new() -> Self {
        let (estimate, _) = watch::channel(START);
        let (sharing, is_sharing) = watch::channel(false);
        let (clocks, captured) = watch::channel(CaptureClocks::new());
        let (remote, _) = watch::channel(RemoteReports::new());
        let ignore: fn(VideoKind) = |_| {};
        let mut chain = Self {
            meter: Staged::new(MeterStage::new(Arc::new(Meter::default()), SCREEN, ignore)),
            nack: Staged::new(NackRequests::new(estimate.subscribe())),
            outbound: Outbound::new(estimate, is_sharing, SCREEN.picture, ignore),
            rtx: Staged::new(RtxUnwrapper::default()),
            reports: Staged::new(SenderReports::new(captured, remote)),
            _clocks: clocks,
            _sharing: sharing,
            now: Instant::now(),
            sequence_number: 65_500,
        };
        let extensions = vec![RTPHeaderExtension { uri: TRANSPORT_WIDE_URI.to_owned(), id: EXTENSION }];
        let nack = rtc::interceptor::RTCPFeedback { typ: "nack".to_owned(), parameter: String::new() };
        let sound = StreamInfo {
            ssrc: AUDIO,
            payload_type: 111,
            mime_type: "audio/opus".to_owned(),
            rtp_header_extensions: extensions.clone(),
            ..Default::default()
        };
        let picture = StreamInfo {
            ssrc: VIDEO,
            ssrc_rtx: Some(RTX),
            payload_type: 96,
            payload_type_rtx: Some(97),
            mime_type: "video/VP8".to_owned(),
            rtp_header_extensions: extensions,
            rtcp_feedback: vec![nack],
            ..Default::default()
        };
        for stream in [sound, picture] {
            chain.meter.bind_local_stream(&stream);
            chain.outbound.bind_local_stream(&stream);
            chain.reports.bind_local_stream(&stream);
            chain.meter.bind_remote_stream(&stream);
            chain.rtx.bind_remote_stream(&stream);
            chain.nack.bind_remote_stream(&stream);
            chain.reports.bind_remote_stream(&stream);
        }
        chain
    }

    fn receive(&mut self, mut packet: &[u8]) {
        let packet = match packet.get(1) {
            Some(192..=223) => rtcp::packet::unmarshal(&mut packet).ok().map(Packet::Rtcp),
            _ => rtp::Packet::unmarshal(&mut packet).ok().map(Packet::Rtp),
        };
        let Some(packet) = packet else { return };
        let mut passed = vec![self.tagged(packet)];
        macro_rules! through {
            ($($stage:ident),*) => {$(
                for tagged in std::mem::take(&mut passed) {
                    self.$stage.handle_read(tagged).ok();
                    passed.extend(std::iter::from_fn(|| self.$stage.poll_read()));
                }
            )*};
        }
        through!(meter, outbound, rtx, nack, reports);
        self.drain();
    }

    fn send(&mut self, packets: u8) {
        for _ in 0..packets {
            self.sequence_number = self.sequence_number.wrapping_add(1);
            let header = rtp::Header {
                version: 2,
                ssrc: VIDEO,
                payload_type: 96,
                sequence_number: self.sequence_number,
                timestamp: u32::from(self.sequence_number) * 3000,
                marker: true,
                ..Default::default()
            };
            let packet = Packet::Rtp(rtp::Packet { header, payload: Bytes::from_static(&[7; 200]) });
            let tagged = self.tagged(packet);
            self.outbound.handle_write(tagged).ok();
        }
        self.drain();
    }

    fn pass(&mut self, hundredths: u8) {
        self.now += Duration::from_millis(10) * u32::from(hundredths);
        self.outbound.handle_timeout(self.now).ok();
        self.nack.handle_timeout(self.now).ok();
        self.reports.handle_timeout(self.now).ok();
        self.drain();
    }

    /// What goes out is no larger than a datagram, whatever was asked for.
    fn drain(&mut self) {
        use rtc::shared::marshal::MarshalSize as _;

        while let Some(tagged) = self.outbound.poll_write() {
            if let Packet::Rtp(packet) = tagged.message.packet {
                assert!(packet.marshal_size() <= MOST_BYTES);
            }
        }
        while self.nack.poll_write().is_some() {}
        while self.reports.poll_write().is_some() {}
    }

    fn tagged(&self, packet: Packet) -> TaggedPacket {
        TaggedPacket {
            now: self.now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(packet),
        }
    }
}
