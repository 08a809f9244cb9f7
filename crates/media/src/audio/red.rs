//! Redundant audio (RFC 2198): a packet carries those before it once more, so that a loss is repaired by the next packet
//! that comes.
//!
//! Everything is a function of bytes or of what was sent before; whose payload types are whose is negotiated elsewhere.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::opus::PacketInfo;
use super::packetizer::EncodedAudio;

/// What the bits of a block's header can say: its length in bytes, and how much older it is, in ticks.
const MAX_LENGTH: usize = (1 << 10) - 1;
const MAX_OFFSET: u32 = (1 << 14) - 1;
/// Marks a header that another one follows.
const FOLLOWED: u8 = 0x80;
const HEADER_BYTES: usize = 4;
/// Older blocks that are read of a packet; senders put in one to three.
const MAX_OLDER: usize = 8;

/// The most copies that a packet carries.
pub const MAX_COPIES: u8 = 3;

/// An older packet inside another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioCopy {
    /// How much older than its carrier, in ticks of the RTP clock.
    pub offset: u32,
    pub payload: Bytes,
}

/// What a packet of redundant audio carries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedundantAudio {
    pub payload: Bytes,
    /// The newest first.
    pub copies: Vec<AudioCopy>,
}

impl RedundantAudio {
    /// Reads a payload, blocks of any payload type; `None` if its headers promise more than there is.
    pub fn parse(mut packet: Bytes) -> Option<Self> {
        let mut headers = Vec::new();
        while packet.first()? & FOLLOWED != 0 {
            if packet.len() < HEADER_BYTES || headers.len() == MAX_OLDER {
                return None;
            }
            let header = packet.get_u32();
            headers.push((header >> 10 & MAX_OFFSET, header as usize & MAX_LENGTH));
        }
        packet.advance(1);
        let mut copies = Vec::with_capacity(headers.len());
        for (offset, length) in headers {
            if packet.len() < length {
                return None;
            }
            let payload = packet.split_to(length);
            if offset > 0 && length > 0 {
                copies.push(AudioCopy { offset, payload });
            }
        }
        copies.sort_by_key(|copy| copy.offset);
        Some(Self { payload: packet, copies })
    }

    /// Writes the payload; every block is of the payload type `block_type`. What the headers cannot say is left out.
    pub fn write(&self, block_type: u8) -> Bytes {
        let fits = |copy: &&AudioCopy| copy.offset <= MAX_OFFSET && copy.payload.len() <= MAX_LENGTH;
        let copies: Vec<_> = self.copies.iter().filter(fits).collect();
        let bytes: usize = copies.iter().map(|copy| HEADER_BYTES + copy.payload.len()).sum();
        let mut packet = BytesMut::with_capacity(bytes + 1 + self.payload.len());
        // The oldest comes first (RFC 2198 section 3).
        for AudioCopy { offset, payload } in copies.iter().rev() {
            packet.put_u8(FOLLOWED | block_type);
            // 14 bits of the offset, then 10 of the length.
            packet.put_uint(u64::from(*offset) << 10 | payload.len() as u64, 3);
        }
        packet.put_u8(block_type & !FOLLOWED);
        copies.iter().rev().for_each(|copy| packet.put_slice(&copy.payload));
        packet.put_slice(&self.payload);
        packet.freeze()
    }
}

/// What was sent of a voice of late, for the packets that carry it again.
#[derive(Debug, Default)]
pub struct SentAudio {
    /// The newest first.
    recent: VecDeque<Arc<EncodedAudio>>,
}

impl SentAudio {
    /// The next packet to send, with as many copies of those before it as it asks for. They are told apart by their place:
    /// each is of the packet before, without a gap. So nothing is carried from before a packet that only says that it is
    /// silent, or from further back than a header can say.
    pub fn redundant(&mut self, packet: &Arc<EncodedAudio>) -> RedundantAudio {
        let copies = self
            .recent
            .iter()
            .take(usize::from(packet.copies.min(MAX_COPIES)))
            .map(|older| AudioCopy {
                offset: packet.timestamp.wrapping_sub(older.timestamp),
                payload: older.data.clone(),
            })
            .take_while(|copy| {
                copy.offset <= MAX_OFFSET
                    && copy.payload.len() <= MAX_LENGTH
                    && PacketInfo::parse(&copy.payload).is_some_and(|info| !info.is_dtx)
            })
            .collect();
        self.recent.truncate(usize::from(MAX_COPIES) - 1);
        self.recent.push_front(Arc::clone(packet));
        RedundantAudio { payload: packet.data.clone(), copies }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// 20 ms of a kind: an Opus header, and something to know it by.
    fn opus(number: u8) -> Bytes {
        Bytes::copy_from_slice(&[0x78, number, number])
    }

    fn packet(number: u8, copies: u8, data: Bytes) -> Arc<EncodedAudio> {
        let timestamp = 960 * u32::from(number);
        Arc::new(EncodedAudio { data, timestamp, captured: Instant::now(), starts_talk: false, copies })
    }

    fn copy(offset: u32, payload: Bytes) -> AudioCopy {
        AudioCopy { offset, payload }
    }

    #[test]
    fn the_wire_is_that_of_the_rfc() {
        let red = RedundantAudio { payload: opus(3), copies: vec![copy(960, opus(2)), copy(1920, opus(1))] };
        let wire = red.write(111);
        // 1920 << 10 | 3 and 960 << 10 | 3.
        let headers = [0x80 | 111, 0x1e, 0x00, 0x03, 0x80 | 111, 0x0f, 0x00, 0x03, 111];
        assert_eq!(wire[..9], headers);
        assert_eq!(wire[9..], [opus(1), opus(2), opus(3)].concat());
        assert_eq!(RedundantAudio::parse(wire), Some(red));
    }

    #[test]
    fn a_packet_alone_costs_one_byte() {
        let red = RedundantAudio { payload: opus(1), copies: Vec::new() };
        assert_eq!(red.write(111).len(), 4);
        assert_eq!(RedundantAudio::parse(red.write(111)), Some(red));
    }

    #[test]
    fn what_headers_cannot_say_is_left_out() {
        let long = Bytes::from(vec![0; MAX_LENGTH + 1]);
        let fits = copy(MAX_OFFSET, Bytes::from(vec![7; MAX_LENGTH]));
        let copies = vec![copy(960, long), fits.clone(), copy(MAX_OFFSET + 1, opus(1))];
        let wire = RedundantAudio { payload: opus(2), copies }.write(111);
        assert_eq!(RedundantAudio::parse(wire).map(|red| red.copies), Some(vec![fits]));
    }

    #[test]
    fn hostile_bytes_never_panic_and_stay_bounded() {
        for bytes in
            [&[][..], &[0xff], &[0xff, 0, 0], &[0xff, 0, 0, 9, 0x6f], &[0xff, 0, 0, 0], &[0xff; 1500]]
        {
            assert_eq!(RedundantAudio::parse(Bytes::copy_from_slice(bytes)), None, "{bytes:?}");
        }
        // Blocks of no length or no age say nothing.
        let empty = [0xef, 0x0f, 0, 0, 0xef, 0, 0, 1, 0x6f, 7, 8];
        let red = RedundantAudio::parse(Bytes::copy_from_slice(&empty)).expect("whole");
        assert_eq!(red, RedundantAudio { payload: Bytes::from_static(&[8]), copies: Vec::new() });
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..seed >> 32 & 63)
                .map(|_| {
                    seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (seed >> 40) as u8
                })
                .collect();
            seed = seed.wrapping_add(0x1234_5678_9abc_def1);
            let length = bytes.len();
            if let Some(red) = RedundantAudio::parse(bytes.into()) {
                let carried: usize = red.copies.iter().map(|copy| copy.payload.len()).sum();
                assert!(red.copies.len() <= MAX_OLDER && carried + red.payload.len() < length);
            }
        }
    }

    #[test]
    fn the_packets_before_come_again_the_newest_first() {
        let mut sent = SentAudio::default();
        let mut copies = |number, wanted| {
            let red = sent.redundant(&packet(number, wanted, opus(number)));
            assert_eq!(red.payload, opus(number));
            red.copies
        };
        assert_eq!(copies(0, 2), []);
        assert_eq!(copies(1, 2), [copy(960, opus(0))]);
        assert_eq!(copies(2, 0), []);
        assert_eq!(copies(3, 2), [copy(960, opus(2)), copy(1920, opus(1))]);
        // After a gap of 340 ms still, after one of 360 not.
        assert_eq!(copies(20, 1), [copy(17 * 960, opus(3))]);
        assert_eq!(copies(38, 1), []);
    }

    #[test]
    fn silence_is_not_carried_nor_what_was_before_it() {
        let mut sent = SentAudio::default();
        let silent = Bytes::from_static(&[0x78]);
        sent.redundant(&packet(0, 2, opus(0)));
        // The packet that says it carries what was said last.
        let red = sent.redundant(&packet(1, 2, silent.clone()));
        assert_eq!((red.payload, red.copies), (silent, vec![copy(960, opus(0))]));
        assert_eq!(sent.redundant(&packet(9, 2, opus(9))).copies, []);
        assert_eq!(sent.redundant(&packet(10, 2, opus(10))).copies, [copy(960, opus(9))]);
    }

    #[test]
    fn timestamps_wrap() {
        let mut sent = SentAudio::default();
        let at = |timestamp, data| {
            Arc::new(EncodedAudio {
                data,
                timestamp,
                captured: Instant::now(),
                starts_talk: false,
                copies: 1,
            })
        };
        sent.redundant(&at(u32::MAX - 479, opus(1)));
        assert_eq!(sent.redundant(&at(480, opus(2))).copies, [copy(960, opus(1))]);
    }
}
