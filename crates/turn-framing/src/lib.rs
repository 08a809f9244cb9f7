//! STUN messages and ChannelData in a stream of bytes (RFC 8656 sections 2.1 and 12.5).

/// Type, length, magic cookie and transaction id (RFC 8489 section 5).
pub const STUN_HEADER_BYTES: usize = 20;
/// Number of the channel, and length (RFC 8656 section 12.4).
pub const CHANNEL_HEADER_BYTES: usize = 4;

/// More than any datagram that a call sends; the most that the other side can make one keep.
const MOST_FRAME_BYTES: usize = 16_384;

/// What was received, until a frame is whole.
#[derive(Debug, Default)]
pub struct Deframer {
    bytes: Vec<u8>,
    /// How many of them were taken already.
    taken: usize,
}

/// The other side does not speak TURN, or says too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other side does not speak TURN, or says too much at once")]
pub struct Garbage;

impl Deframer {
    /// Takes what was received, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, without the padding of ChannelData; nothing until more has come.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would be over after an error, and ends for good"
    )]
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, Garbage> {
        let Some(rest) = self.bytes.get(self.taken..) else { return Ok(None) };
        let [kind, _, l0, l1, ..] = rest else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let bytes = match kind >> 6 {
            0 if length % 4 == 0 => STUN_HEADER_BYTES + length,
            1 => CHANNEL_HEADER_BYTES + length,
            _ => return Err(Garbage),
        };
        let padded = bytes.next_multiple_of(4);
        if padded > MOST_FRAME_BYTES {
            return Err(Garbage);
        }
        let Some(frame) = rest.get(..padded) else { return Ok(None) };
        let frame = frame.get(..bytes).unwrap_or_default().to_vec();
        self.taken += padded;
        Ok(Some(frame))
    }
}

/// A STUN message or ChannelData as it stands in a stream: padded to four bytes.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    let padded = packet.len().next_multiple_of(4);
    let mut frame = Vec::with_capacity(padded);
    frame.extend_from_slice(packet);
    frame.resize(padded, 0);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDING: &[u8] = b"\x00\x01\x00\x04\x21\x12\xa4\x42............\x80\x22\x00\x00";
    const CHANNEL: &[u8] = b"\x40\x00\x00\x05hello\0\0\0";

    #[test]
    fn frames_come_whole_however_they_are_cut() {
        let stream = [BINDING, CHANNEL, BINDING].concat();
        for size in 1..=stream.len() {
            let mut deframer = Deframer::default();
            let mut frames = Vec::new();
            for piece in stream.chunks(size) {
                deframer.push(piece);
                while let Some(frame) = deframer.next().expect("it is TURN") {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, [BINDING, b"\x40\x00\x00\x05hello", BINDING], "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for garbage in
            [&b"\x80\x00\x00\x00"[..], b"GET / HTTP/1.1", b"\x16\x03\x01\x02\x00", b"\x00\x01\x00\x03"]
        {
            let mut deframer = Deframer::default();
            deframer.push(garbage);
            // A G looks like a channel, of more bytes than there may be.
            assert_eq!(deframer.next(), Err(Garbage), "{garbage:?}");
        }
    }

    #[test]
    fn nobody_can_make_it_keep_much() {
        let mut deframer = Deframer::default();
        deframer.push(b"\x40\x00\xff\xff");
        assert_eq!(deframer.next(), Err(Garbage));
    }

    #[test]
    fn a_packet_is_padded_for_a_stream() {
        assert_eq!(framed(b"\x40\x00\x00\x05hello"), CHANNEL);
        assert_eq!(framed(BINDING), BINDING);
    }
}
