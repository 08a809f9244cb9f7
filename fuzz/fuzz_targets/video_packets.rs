//! Payloads of VP8 (RFC 7741) in any order and at any time: the jitter buffer never panics, keeps within its bounds, and gives only
//! frames that begin with a key frame.

#![no_main]

use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use visavis_media::video::receive::{FrameBuffer, RtpVideoPacket};
use visavis_media::video::rtp::Descriptor;

// A record is how far the sequence number, the timestamp (of three bits, the top one the marker) and the time in milliseconds go
// on, and a payload with its length.
fuzz_target!(|input: &[u8]| {
    let mut buffer = FrameBuffer::new();
    let mut now = Instant::now();
    let (mut sequence, mut timestamp) = (u16::MAX - 7, u32::MAX - 9000);
    let mut has_begun = false;
    let mut rest = input;
    while let [step, ticks, wait, length, behind @ ..] = rest {
        let (payload, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        let payload = Bytes::copy_from_slice(payload);
        if let Ok((_, data)) = Descriptor::parse(&payload) {
            assert!(!data.is_empty() && data.len() < payload.len());
        }
        // Small steps back too, and with the highest value anywhere.
        let step = if *step == 0xff { 0x5555 } else { u16::from(step % 16).wrapping_sub(4) };
        sequence = sequence.wrapping_add(step);
        timestamp = timestamp.wrapping_add(u32::from(ticks % 4) * 3000);
        now += Duration::from_millis(u64::from(*wait));
        buffer.handle_packet(now, RtpVideoPacket { sequence, timestamp, marker: ticks & 0x80 != 0, payload });
        buffer.poll_key_frame_request(now);
        while let Some(frame) = buffer.poll_frame(now) {
            has_begun |= frame.key;
            assert!(has_begun, "nothing refers to nothing");
            assert!(frame.render_at <= now);
        }
        rest = behind;
    }
});
