//! What is not sent on purpose, what is lost beside it, and what is heard meanwhile.

use super::*;
use crate::audio::VoicePacketizer;

#[test]
fn a_mute_is_no_concealment_and_sound_is_back_at_once() {
    let mut path = voice_with_pause(10, 250);
    // Muted after five seconds, for two: sequence numbers go on, timestamps follow the wall clock.
    for sent in &mut path[250..] {
        sent.at_ms += 2000.0;
        sent.packet.timestamp += 96_000;
    }
    let heard = play(path, 11.5, 1.0, 1);
    assert_eq!(heard.stats.concealed_samples, 0, "{:?}", heard.stats);
    let back = heard.windows[550..].iter().position(|window| window.amplitude > 0.9).expect("sound");
    // The first packet after it arrives at 7.05 s.
    let delay_ms = (550 + back) as f64 * 10.0 - 7050.0;
    assert!(delay_ms <= 60.0, "{delay_ms} ms");
    assert!(heard.windows[540..690].iter().all(|window| window.amplitude < 0.1), "silence while muted");
}

#[test]
fn what_a_sender_leaves_out_in_silence_is_no_concealment() {
    let Talk { stats, packets, loudest } = talk_beside_silence(|_, _| false);
    assert!(packets < 150, "{packets} packets");
    assert_eq!(stats.concealed_samples, 0, "{stats:?}");
    assert!(loudest[0] > 0.2 && loudest[2] < 0.01 && loudest[3] < 0.01 && loudest[4] > 0.2, "{loudest:?}");
}

/// What came of five seconds of talk.
struct Talk {
    stats: JitterStats,
    packets: u16,
    /// Of each second.
    loudest: [f32; 5],
}

/// A second of a tone, three of silence, and one of the tone again, through a path that loses some of the packets, by their
/// number; whether they announce silence is told as well.
fn talk_beside_silence(lost: impl Fn(u16, bool) -> bool) -> Talk {
    let origin = Instant::now();
    let at = |ms: u64| origin + Duration::from_millis(ms);
    let mut packetizer = VoicePacketizer::new(AudioTarget::default()).expect("encoder");
    let mut buffer = JitterBuffer::new().expect("decoder");
    let (mut sequence, mut loudest) = (0, [0.0_f32; 5]);
    for block in 0..500_u64 {
        let speaks = !(100..400).contains(&block);
        let sound = |n: usize| if speaks { 0.3 * (n as f32 / 480.0 * 4.0 * TAU as f32).sin() } else { 0.0 };
        let encoded = packetizer.handle_block(at(block * 10), &std::array::from_fn(sound)).expect("encodes");
        if let Some(encoded) = encoded {
            let (timestamp, payload) = (encoded.timestamp, encoded.data.clone());
            let announces = PacketInfo::parse(&payload).is_some_and(|info| info.is_dtx);
            if !lost(sequence, announces) {
                buffer.handle_packet(
                    at(block * 10 + 10),
                    RtpAudioPacket { sequence, timestamp, payload, copies: Vec::new() },
                );
            }
            sequence += 1;
        }
        let mut output = [0.0; BLOCK_SAMPLES];
        buffer.pull(at(block * 10 + 11), &mut output);
        let second = &mut loudest[(block / 100) as usize];
        *second = output.iter().fold(*second, |most, sample| most.max(sample.abs()));
    }
    Talk { stats: buffer.stats(), packets: sequence, loudest }
}

#[test]
fn a_packet_lost_beside_a_silence_is_one_packet_and_not_the_silence() {
    let announcement = std::cell::Cell::new(u16::MAX);
    let whole = talk_beside_silence(|sequence, announces| {
        if announces {
            announcement.set(announcement.get().min(sequence));
        }
        false
    })
    .stats;
    assert_eq!(whole.concealed_samples, 0, "{whole:?}");
    let announcement = announcement.get();
    assert!((50..100).contains(&announcement), "the silence is announced by packet {announcement}");
    for lost in [announcement, announcement + 1] {
        let stats = talk_beside_silence(|sequence, _| sequence == lost).stats;
        assert_eq!(stats.concealed_samples, PACKET_SAMPLES as u64, "packet {lost}: {stats:?}");
    }
}

#[test]
fn an_outage_sounds_like_the_pauses_before_it_and_has_no_clicks() {
    const BACKGROUND: f32 = 0.003;
    let mut encoder = OpusEncoder::new(AudioTarget::default()).expect("encoder");
    let mut chance = Chance(5);
    let origin = Instant::now();
    let at = |ms: u64| origin + Duration::from_millis(ms);
    let mut buffer = JitterBuffer::new().expect("decoder");
    let mut heard = Vec::new();
    for packet in 0..400_u64 {
        // Words of 300 ms that swell and fade, and as long pauses; the background is white, and as loud as is said.
        let samples: [f32; PACKET_SAMPLES] = std::array::from_fn(|n| {
            let time = packet as f32 * 0.02 + n as f32 / 48_000.0;
            let loudness = (TAU as f32 * time / 0.6).sin().max(0.0);
            0.2 * loudness * (TAU as f32 * 220.0 * time).sin()
                + BACKGROUND * 3_f32.sqrt() * (2.0 * chance.next() as f32 - 1.0)
        });
        let payload = encoder.encode(&samples).expect("encode");
        if !(200..275).contains(&packet) {
            let (sequence, timestamp) = (packet as u16, packet as u32 * PACKET_SAMPLES as u32);
            buffer.handle_packet(
                at(packet * 20),
                RtpAudioPacket { sequence, timestamp, payload, copies: Vec::new() },
            );
        }
        for half in 0..2 {
            let mut output = [0.0; BLOCK_SAMPLES];
            buffer.pull(at(packet * 20 + half * 10 + 3), &mut output);
            heard.extend(output);
        }
    }
    let part = |from_ms: usize, to_ms: usize| &heard[from_ms * 48..to_ms * 48];
    let level =
        |part: &[f32]| (part.iter().map(|sample| sample * sample).sum::<f32>() / part.len() as f32).sqrt();
    // The quietest tenth of a second there was before, which Opus makes a little quieter than it was.
    let pause = part(1000, 4000).chunks_exact(4800).map(level).fold(1.0, f32::min);
    let outage = level(part(4300, 5400));
    let louder_db = 20.0 * (outage / pause).log10();
    assert!(
        pause < 2.0 * BACKGROUND && louder_db.abs() < 4.0,
        "{louder_db} dB louder than a pause of {pause}"
    );
    let steepest = |part: &[f32]| part.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    // Longer after the outage it is the decoder that is steep, until it has found back to what the encoder does.
    let (usual, edges) =
        (steepest(part(1000, 3900)), steepest(part(3950, 4400)).max(steepest(part(5400, 5650))));
    assert!(edges < 1.3 * usual, "a step of {edges} where there are {usual}");
}
