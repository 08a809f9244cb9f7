//! Payloads of sound: redundant audio (RFC 2198) is read as it is written, and neither it nor Opus makes the jitter buffer panic or
//! play anything but sound.

#![no_main]

use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use visavis_media::audio::{BLOCK_SAMPLES, JitterBuffer, RedundantAudio, RtpAudioPacket};

const OPUS: u8 = 111;

// A record is how far the sequence number and the timestamp go on, how many blocks are played before, and a payload with its length.
fuzz_target!(|input: &[u8]| {
    if let Some(read) = RedundantAudio::parse(Bytes::copy_from_slice(input)) {
        assert_eq!(RedundantAudio::parse(read.write(OPUS)).map(in_order), Some(in_order(read)));
    }
    let mut buffer = JitterBuffer::new().expect("memory");
    let mut block = [0.0; BLOCK_SAMPLES];
    let mut now = Instant::now();
    let (mut sequence, mut timestamp) = (u16::MAX - 7, u32::MAX - 9600);
    let mut rest = input;
    while let [step, ticks, blocks, length, behind @ ..] = rest {
        let (payload, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        for _ in 0..blocks % 8 {
            now += Duration::from_millis(10);
            buffer.pull(now, &mut block);
            assert!(block.iter().all(|sample| sample.is_finite()));
        }
        sequence = sequence.wrapping_add(u16::from(step % 16).wrapping_sub(4));
        timestamp = timestamp.wrapping_add((u32::from(ticks % 16) * 960).wrapping_sub(2 * 960));
        let payload = Bytes::copy_from_slice(payload);
        let packet = match RedundantAudio::parse(payload.clone()).filter(|_| ticks & 0x80 != 0) {
            Some(RedundantAudio { payload, copies }) => {
                RtpAudioPacket { sequence, timestamp, payload, copies }
            }
            None => RtpAudioPacket { sequence, timestamp, payload, copies: Vec::new() },
        };
        buffer.handle_packet(now, packet);
        rest = behind;
    }
});

/// Copies of the same age stand in any order.
fn in_order(mut audio: RedundantAudio) -> RedundantAudio {
    audio.copies.sort_by(|a, b| (a.offset, &a.payload).cmp(&(b.offset, &b.payload)));
    audio
}
