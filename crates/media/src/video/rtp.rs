//! The RTP payload format for VP8 (RFC 7741).

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of the descriptor that [`packetize`] writes: required octet, extension octet, 15-bit picture id.
const DESCRIPTOR_LEN: usize = 4;

const EXTENDED: u8 = 0x80;
const NON_REFERENCE: u8 = 0x20;
const START_OF_PARTITION: u8 = 0x10;
const PARTITION_INDEX: u8 = 0x07;

const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0_PICTURE_INDEX: u8 = 0x40;
const HAS_TEMPORAL_INDEX: u8 = 0x20;
const HAS_KEY_INDEX: u8 = 0x10;

const LONG_PICTURE_ID: u8 = 0x80;

/// The payload descriptor (RFC 7741, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Descriptor {
    /// No other frame refers to this one (N).
    pub non_reference: bool,
    /// The packet starts a partition (S).
    pub start_of_partition: bool,
    /// Which partition (PID); 0 holds the headers.
    pub partition: u8,
    /// 7 or 15 bits.
    pub picture_id: Option<u16>,
    pub tl0_picture_index: Option<u8>,
    pub temporal_layer: Option<TemporalLayer>,
    /// KEYIDX, 5 bits.
    pub key_index: Option<u8>,
}

/// The temporal layer of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporalLayer {
    /// TID, 0 to 3.
    pub index: u8,
    /// The frame depends on the base layer only (Y).
    pub sync: bool,
}

/// Why a payload is not one of VP8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("the payload ends within its descriptor")]
    Truncated,
    #[error("the payload holds no picture data")]
    Empty,
}

impl Descriptor {
    /// Whether the packet starts a frame.
    pub fn starts_frame(&self) -> bool {
        self.start_of_partition && self.partition == 0
    }

    /// Splits a payload into its descriptor and the picture data after it.
    pub fn parse(payload: &Bytes) -> Result<(Self, Bytes), PayloadError> {
        let mut octets = payload.iter().copied();
        let mut length = 0;
        let mut next = || {
            length += 1;
            octets.next().ok_or(PayloadError::Truncated)
        };

        let required = next()?;
        let mut descriptor = Self {
            non_reference: required & NON_REFERENCE != 0,
            start_of_partition: required & START_OF_PARTITION != 0,
            partition: required & PARTITION_INDEX,
            ..Self::default()
        };
        if required & EXTENDED != 0 {
            let extension = next()?;
            if extension & HAS_PICTURE_ID != 0 {
                let first = next()?;
                descriptor.picture_id = Some(if first & LONG_PICTURE_ID == 0 {
                    u16::from(first)
                } else {
                    u16::from_be_bytes([first & !LONG_PICTURE_ID, next()?])
                });
            }
            if extension & HAS_TL0_PICTURE_INDEX != 0 {
                descriptor.tl0_picture_index = Some(next()?);
            }
            if extension & (HAS_TEMPORAL_INDEX | HAS_KEY_INDEX) != 0 {
                let octet = next()?;
                if extension & HAS_TEMPORAL_INDEX != 0 {
                    descriptor.temporal_layer =
                        Some(TemporalLayer { index: octet >> 6, sync: octet & 0x20 != 0 });
                }
                if extension & HAS_KEY_INDEX != 0 {
                    descriptor.key_index = Some(octet & 0x1F);
                }
            }
        }
        if length >= payload.len() {
            Err(PayloadError::Empty)
        } else {
            Ok((descriptor, payload.slice(length..)))
        }
    }
}

/// Splits a frame into RTP payloads of at most `max_payload` bytes and about the same size, each with the lower 15 bits
/// of the picture id. The last one is to be sent with the RTP marker bit. An empty frame gives no payload.
///
/// A `max_payload` without room for the descriptor and one byte is treated as if it had it.
pub fn packetize(frame: &[u8], max_payload: usize, picture_id: u16) -> Vec<Bytes> {
    let room = max_payload.saturating_sub(DESCRIPTOR_LEN).max(1);
    let packets = frame.len().div_ceil(room).max(1);
    let share = frame.len().div_ceil(packets).max(1);
    let mut first = true;
    frame
        .chunks(share)
        .map(|chunk| {
            let mut payload = BytesMut::with_capacity(DESCRIPTOR_LEN + chunk.len());
            payload.put_u8(if first { EXTENDED | START_OF_PARTITION } else { EXTENDED });
            payload.put_u8(HAS_PICTURE_ID);
            payload.put_u16(u16::from(LONG_PICTURE_ID) << 8 | picture_id & 0x7FFF);
            payload.put_slice(chunk);
            first = false;
            payload.freeze()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: &[u8]) -> Result<(Descriptor, Bytes), PayloadError> {
        Descriptor::parse(&Bytes::copy_from_slice(payload))
    }

    #[test]
    fn payloads_fit_are_even_and_join_to_the_frame() {
        for length in [1_usize, 2, 1195, 1196, 1197, 2392, 2393, 50_000] {
            let frame: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let payloads = packetize(&frame, 1200, 0xFFFF);
            assert_eq!(payloads.len(), length.div_ceil(1196));
            let mut joined = Vec::new();
            for (index, payload) in payloads.iter().enumerate() {
                assert!(payload.len() <= 1200);
                assert!(payloads[0].len() - payload.len() <= payloads.len(), "even at {length}");
                let (descriptor, data) = Descriptor::parse(payload).expect("own payload");
                assert_eq!(descriptor.starts_frame(), index == 0);
                assert_eq!(descriptor.picture_id, Some(0x7FFF));
                joined.extend_from_slice(&data);
            }
            assert_eq!(joined, frame);
        }
        assert!(packetize(&[], 1200, 0).is_empty());
        assert_eq!(packetize(&[1, 2], 0, 0).len(), 2);
    }

    #[test]
    fn every_optional_field_is_read() {
        let (descriptor, data) = parse(&[0x10, 0xAA]).expect("shortest");
        assert_eq!(descriptor, Descriptor { start_of_partition: true, ..Descriptor::default() });
        assert_eq!(data, [0xAA].as_slice());

        let (descriptor, data) = parse(&[0xB5, 0xF0, 0x92, 0x34, 7, 0xA3, 0xAA, 0xBB]).expect("longest");
        assert_eq!(
            descriptor,
            Descriptor {
                non_reference: true,
                start_of_partition: true,
                partition: 5,
                picture_id: Some(0x1234),
                tl0_picture_index: Some(7),
                temporal_layer: Some(TemporalLayer { index: 2, sync: true }),
                key_index: Some(3),
            }
        );
        assert!(!descriptor.starts_frame());
        assert_eq!(data, [0xAA, 0xBB].as_slice());

        let (descriptor, _) = parse(&[0x80, 0x80, 0x12, 0xAA]).expect("short picture id");
        assert_eq!(descriptor.picture_id, Some(0x12));
        let (descriptor, data) = parse(&[0x80, 0x10, 0xFF, 0xAA]).expect("key index alone");
        assert_eq!((descriptor.temporal_layer, descriptor.key_index), (None, Some(0x1F)));
        assert_eq!(data, [0xAA].as_slice());
    }

    #[test]
    fn truncated_payloads_are_errors() {
        let longest = [0xB5, 0xF0, 0x92, 0x34, 7, 0xA3, 0xAA];
        for length in 0..6 {
            assert_eq!(parse(&longest[..length]), Err(PayloadError::Truncated), "{length} bytes");
        }
        assert_eq!(parse(&longest[..6]), Err(PayloadError::Empty));
        assert_eq!(parse(&[0x10]), Err(PayloadError::Empty));
    }
}
