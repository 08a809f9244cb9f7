//! A sender's voice, of a kind, through a simulated path into the buffer, in virtual time with real Opus.
//!
//! It has harmonics and swells four times a second: on a plain tone, Opus would spend no FEC.

mod copies;
mod silence;

use std::f64::consts::TAU;
use std::sync::LazyLock;

use super::*;
use crate::audio::opus::{AudioTarget, OpusEncoder};
use crate::audio::{BLOCK_SAMPLES, PACKET_SAMPLES};

const HZ: f64 = 200.0;
const HARMONICS: u32 = 5;
const AMPLITUDE: f64 = 0.3;
const BLOCK_MS: f64 = 10.0;

/// Opus gives sound so many samples late (RFC 6716 section 4.4 and the encoder's look-ahead).
const CODEC_DELAY: f64 = 312.0;

/// Sine and cosine over one turn of the lowest harmonic.
static TURN: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
    let samples = (f64::from(SAMPLE_RATE) / HZ) as usize;
    (0..samples).map(|n| (TAU * n as f64 / samples as f64).sin_cos()).collect()
});

/// The voice's loudness at a time in samples, 0.3 to 1.
fn swell(time: f64) -> f64 {
    0.65 + 0.35 * (TAU * 4.0 * time / f64::from(SAMPLE_RATE)).sin()
}

/// A packet on its way: when it arrives, in milliseconds.
#[derive(Clone)]
struct Sent {
    at_ms: f64,
    packet: RtpAudioPacket,
}

/// So many seconds of the tone as packets that arrive 20 ms apart, the first at 50 ms.
fn voice(seconds: usize) -> Vec<Sent> {
    static LONGEST: LazyLock<Vec<Sent>> = LazyLock::new(|| voice_with_pause(61, usize::MAX));
    LONGEST[..seconds * 50].to_vec()
}

/// The same, with the encoder beginning anew at a packet, as it does after a mute.
fn voice_with_pause(seconds: usize, pause_before: usize) -> Vec<Sent> {
    let mut encoder = OpusEncoder::new(AudioTarget { expected_loss_percent: 20, ..AudioTarget::default() })
        .expect("encoder");
    (0..seconds * 50)
        .map(|n| {
            if n == pause_before {
                encoder.reset().expect("reset");
            }
            let mut samples = [0.0; PACKET_SAMPLES];
            for (i, sample) in samples.iter_mut().enumerate() {
                let time = (n * PACKET_SAMPLES + i) as f64;
                let turns = HZ * time / f64::from(SAMPLE_RATE);
                let voice: f64 = (1..=HARMONICS).map(f64::from).map(|k| (TAU * k * turns).sin() / k).sum();
                *sample = (AMPLITUDE * swell(time) * voice) as f32;
            }
            let payload = encoder.encode(&samples).expect("encode");
            let packet = RtpAudioPacket {
                sequence: n as u16,
                timestamp: (n * PACKET_SAMPLES) as u32,
                payload,
                copies: Vec::new(),
            };
            Sent { at_ms: 50.0 + 20.0 * n as f64, packet }
        })
        .collect()
}

/// A relative amplitude that is no sound any more.
const GONE: f64 = 0.15;

/// What came out, as 10 ms windows.
struct Heard {
    windows: Vec<Window>,
    stats: JitterStats,
    /// The delay by which playout is behind the fastest packet, at each block.
    delays: Vec<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    /// Of the voice, relative to what was sent.
    amplitude: f64,
    /// Voice to everything else, in dB.
    snr_db: f64,
}

/// Plays for so long. The listener's clock is `drift` times as fast as the network's, and each of its wake-ups takes
/// `burst` blocks at once.
fn play(mut path: Vec<Sent>, seconds: f64, drift: f64, burst: usize) -> Heard {
    let offset = f64::from(path[0].packet.timestamp);
    path.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
    let origin = Instant::now();
    let at = |ms: f64| origin + Duration::from_nanos((ms * 1e6) as u64);
    let mut buffer = JitterBuffer::new().expect("decoder");
    let mut path = path.into_iter().peekable();
    let mut heard = Heard { windows: Vec::new(), stats: JitterStats::default(), delays: Vec::new() };
    for block in 0..(seconds * 100.0) as usize {
        let now_ms = (block / burst * burst) as f64 * BLOCK_MS / drift + 3.0;
        while let Some(sent) = path.next_if(|sent| sent.at_ms <= now_ms) {
            buffer.handle_packet(at(sent.at_ms), sent.packet);
        }
        let mut output = [0.0; BLOCK_SAMPLES];
        let playing = buffer.stats().playing;
        buffer.pull(at(now_ms), &mut output);
        heard.windows.push(measure(&output, playing.map_or(0.0, |timestamp| f64::from(timestamp) - offset)));
        heard.delays.push(buffer.stats().delay);
    }
    heard.stats = buffer.stats();
    heard
}

/// Splits what is played at this timestamp, with the swelling taken out, into the voice's harmonics, in any phase, and
/// the rest. A block holds whole turns of all of them.
fn measure(block: &Block, timestamp: f64) -> Window {
    // Loudness hardly changes within 10 ms, so its slope is enough.
    let (from, to) = (swell(timestamp - CODEC_DELAY), swell(timestamp + BLOCK_SAMPLES as f64 - CODEC_DELAY));
    let loudness = |n: usize| from + (to - from) * n as f64 / BLOCK_SAMPLES as f64;
    let steady: Vec<f64> =
        block.iter().enumerate().map(|(n, &sample)| f64::from(sample) / loudness(n)).collect();
    let energy: f64 = steady.iter().map(|sample| sample * sample).sum();
    let mut in_voice = 0.0;
    for harmonic in 1..=HARMONICS {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, sample) in steady.iter().enumerate() {
            let (s, c) = TURN[harmonic as usize * n % TURN.len()];
            (sine, cosine) = (sine + s * sample, cosine + c * sample);
        }
        in_voice += (sine * sine + cosine * cosine) * 2.0 / BLOCK_SAMPLES as f64;
    }
    let sent: f64 =
        (1..=HARMONICS).map(|k| (AMPLITUDE / f64::from(k)).powi(2) / 2.0).sum::<f64>() * BLOCK_SAMPLES as f64;
    Window {
        amplitude: (in_voice / sent).sqrt(),
        snr_db: 10.0 * ((in_voice + 1e-12) / (energy - in_voice).max(1e-12)).log10(),
    }
}

impl Heard {
    /// The windows once sound flows and has settled.
    fn settled(&self) -> &[Window] {
        let first = self.windows.iter().position(|window| window.amplitude > 0.5).expect("sound");
        &self.windows[first + 20..]
    }

    /// Asserts that nowhere the sound is gone for so many milliseconds in a row.
    fn assert_no_gap_over(&self, allowed_ms: usize) {
        let longest = longest_run(self.settled(), |window| window.amplitude < GONE);
        assert!(longest * 10 <= allowed_ms, "a gap of {} ms; {:?}", longest * 10, self.stats);
    }

    /// Asserts that this share of windows holds the voice in its loudness and hardly anything else.
    fn assert_pure(&self, share: f64) {
        let windows = self.settled();
        let pure = windows.iter().filter(|window| window.amplitude > 0.7 && window.snr_db > 15.0).count()
            as f64
            / windows.len() as f64;
        assert!(pure >= share, "{pure} of the windows are pure; {:?}", self.stats);
    }

    /// The median delay over the last so many seconds, in milliseconds.
    fn final_delay_ms(&self, seconds: usize) -> f64 {
        let mut delays = self.delays[self.delays.len() - seconds * 100..].to_vec();
        delays.sort();
        delays[delays.len() / 2].as_secs_f64() * 1000.0
    }
}

fn longest_run(windows: &[Window], bad: impl Fn(&Window) -> bool) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for window in windows {
        run = if bad(window) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A small deterministic generator of numbers from 0 to 1.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn a_clean_path_is_played_untouched_with_little_delay() {
    let heard = play(voice(10), 9.5, 1.0, 1);
    heard.assert_no_gap_over(0);
    heard.assert_pure(1.0);
    assert_eq!(heard.stats.concealed_samples, 0, "{:?}", heard.stats);
    assert!((20.0..=40.0).contains(&heard.final_delay_ms(5)), "{} ms", heard.final_delay_ms(5));
}

#[test]
fn taking_two_blocks_at_once_does_no_harm() {
    let heard = play(voice(10), 9.5, 1.0, 2);
    heard.assert_no_gap_over(0);
    assert_eq!(heard.stats.concealed_samples, 0, "{:?}", heard.stats);
}

#[test]
fn single_losses_are_recovered_where_the_next_packet_can() {
    let mut chance = Chance(1);
    let (mut path, mut recoverable) = (Vec::new(), 0);
    let mut lost = false;
    for sent in voice(20) {
        let lost_before = lost;
        // Bursts have a test of their own.
        lost = chance.next() < 0.05 && !lost_before && sent.at_ms < 19_500.0;
        if lost_before && PacketInfo::parse(&sent.packet.payload).is_some_and(|info| info.has_fec) {
            recoverable += 1;
        }
        if !lost {
            path.push(sent);
        }
    }
    let lost = 1000 - path.len() as u64;
    let heard = play(path, 20.0, 1.0, 1);
    assert!(lost > 30 && recoverable > 10, "{lost} lost, {recoverable} of them recoverable");
    let samples = PACKET_SAMPLES as u64;
    assert_eq!(heard.stats.fec_samples, recoverable * samples, "{:?}", heard.stats);
    assert_eq!(heard.stats.concealed_samples, (lost - recoverable) * samples, "{:?}", heard.stats);
    heard.assert_no_gap_over(30);
    heard.assert_pure(0.85);
}

#[test]
fn a_burst_of_60_ms_is_concealed_without_silence() {
    let path =
        voice(10).into_iter().enumerate().filter(|(n, _)| !(200..203).contains(n)).map(|(_, sent)| sent);
    let heard = play(path.collect(), 9.5, 1.0, 1);
    heard.assert_no_gap_over(0);
    heard.assert_pure(0.97);
    let concealed_ms = heard.stats.concealed_samples as i64 / MS;
    assert!((30..=60).contains(&concealed_ms), "{:?}", heard.stats);
    assert!(heard.final_delay_ms(2) <= 45.0, "{} ms", heard.final_delay_ms(2));
}

#[test]
fn jitter_of_30_ms_either_way_is_absorbed() {
    let mut chance = Chance(2);
    let mut path = voice(30);
    for sent in &mut path {
        sent.at_ms += 60.0 * chance.next() - 30.0;
    }
    let heard = play(path, 29.5, 1.0, 1);
    heard.assert_no_gap_over(20);
    heard.assert_pure(0.9);
    assert!(heard.stats.concealed() < 0.01, "{:?}", heard.stats);
    assert!((55.0..=100.0).contains(&heard.final_delay_ms(10)), "{} ms", heard.final_delay_ms(10));
}

#[test]
fn delay_shrinks_again_when_jitter_is_over() {
    let mut chance = Chance(3);
    let mut path = voice(60);
    for sent in &mut path[..500] {
        sent.at_ms += 80.0 * chance.next();
    }
    let heard = play(path, 59.5, 1.0, 1);
    heard.assert_no_gap_over(20);
    assert!(heard.stats.removed_samples > 0);
    assert!(heard.final_delay_ms(5) <= 45.0, "{} ms", heard.final_delay_ms(5));
}

#[test]
fn swapped_packets_are_played_in_order() {
    let mut path = voice(20);
    for pair in path.chunks_exact_mut(10) {
        pair[4].at_ms += 25.0;
    }
    let heard = play(path, 19.5, 1.0, 1);
    heard.assert_no_gap_over(0);
    heard.assert_pure(0.97);
    let late_share = heard.stats.late_packets as f64 / 100.0;
    assert!(late_share < 0.1, "{:?}", heard.stats);
}

#[test]
fn duplicates_are_told_and_not_heard() {
    let path = voice(10).into_iter().flat_map(|sent| {
        let again = Sent { at_ms: sent.at_ms + 1.0, ..sent.clone() };
        [sent, again]
    });
    let heard = play(path.collect(), 9.5, 1.0, 1);
    heard.assert_no_gap_over(0);
    assert!(heard.stats.duplicate_packets > 400, "{:?}", heard.stats);
    assert_eq!(heard.stats.late_packets, 0);
}

#[test]
fn clocks_that_drift_apart_by_200_ppm_stay_together() {
    for drift in [1.0002, 0.9998] {
        let heard = play(voice(61), 60.0, drift, 1);
        heard.assert_no_gap_over(0);
        heard.assert_pure(0.98);
        assert!(
            (15.0..=45.0).contains(&heard.final_delay_ms(10)),
            "{drift}: {} ms",
            heard.final_delay_ms(10)
        );
        assert!(heard.stats.concealed() < 0.002, "{:?}", heard.stats);
    }
}

#[test]
fn numbers_wrap_without_a_sound() {
    let mut path = voice(10);
    for sent in &mut path {
        sent.packet.sequence = sent.packet.sequence.wrapping_add(u16::MAX - 200);
        sent.packet.timestamp = sent.packet.timestamp.wrapping_add(u32::MAX - 200 * 960);
    }
    let heard = play(path, 9.5, 1.0, 1);
    heard.assert_no_gap_over(0);
    heard.assert_pure(1.0);
    assert_eq!(heard.stats.concealed_samples, 0);
}

#[test]
fn garbage_is_counted_and_concealed() {
    let mut path = voice(10);
    for sent in path.iter_mut().skip(100).step_by(50) {
        // A packet of three frames whose lengths contradict its own.
        sent.packet.payload = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff]);
    }
    for sent in path.iter_mut().skip(120).step_by(50) {
        sent.packet.payload = Bytes::new();
    }
    let heard = play(path, 9.5, 1.0, 1);
    assert!(heard.stats.invalid_packets >= 14, "{:?}", heard.stats);
    heard.assert_no_gap_over(10);
}

#[test]
fn random_bytes_never_panic_and_stay_bounded() {
    let mut chance = Chance(4);
    let mut buffer = JitterBuffer::new().expect("decoder");
    let origin = Instant::now();
    let mut output = [0.0; BLOCK_SAMPLES];
    for n in 0..20_000_u64 {
        let now = origin + Duration::from_millis(n);
        let payload: Vec<u8> =
            (0..(chance.next() * 60.0) as usize).map(|_| (chance.next() * 256.0) as u8).collect();
        buffer.handle_packet(
            now,
            RtpAudioPacket {
                sequence: (chance.next() * 65_536.0) as u16,
                timestamp: if n % 3 == 0 { (chance.next() * 4e9) as u32 } else { n as u32 * 48 },
                payload: payload.clone().into(),
                copies: (0..(chance.next() * 9.0) as usize)
                    .map(|_| AudioCopy {
                        offset: (chance.next() * 16_384.0) as u32,
                        payload: payload.clone().into(),
                    })
                    .collect(),
            },
        );
        if n % 10 == 0 {
            buffer.pull(now, &mut output);
            assert!(output.iter().all(|sample| sample.is_finite()));
        }
    }
}

#[test]
fn a_sender_that_begins_anew_is_followed_at_once() {
    let mut path = voice(10);
    for sent in &mut path[250..] {
        sent.packet.sequence = sent.packet.sequence.wrapping_add(30_000);
        sent.packet.timestamp = sent.packet.timestamp.wrapping_add(3_000_000_000);
    }
    let heard = play(path, 9.5, 1.0, 1);
    let gap = longest_run(heard.settled(), |window| window.amplitude < GONE) * 10;
    assert!(gap <= 60, "{gap} ms");
}

#[test]
fn after_an_outage_playout_is_back_at_the_live_edge() {
    let mut path = voice(20);
    // Nothing gets through for 1.5 s, then everything at once.
    for sent in &mut path {
        if (5000.0..6500.0).contains(&sent.at_ms) {
            sent.at_ms = 6500.0 + (sent.at_ms - 5000.0) / 100.0;
        }
    }
    let heard = play(path, 19.5, 1.0, 1);
    let back = heard.windows[650..].iter().position(|window| window.amplitude > 0.9).expect("sound");
    assert!(back <= 10, "{} ms", back * 10);
    assert!(heard.stats.concealed() > 0.04, "{:?}", heard.stats);
    assert!(heard.final_delay_ms(5) <= 80.0, "{} ms", heard.final_delay_ms(5));
}

#[test]
fn sound_that_is_made_up_tells_no_time() {
    let origin = Instant::now();
    let mut buffer = JitterBuffer::new().expect("decoder");
    let mut path = voice(1).into_iter().peekable();
    let mut told = Vec::new();
    for block in 0..150_u64 {
        let now_ms = block * 10;
        while let Some(sent) = path.next_if(|sent| sent.at_ms <= now_ms as f64) {
            buffer.handle_packet(origin + Duration::from_millis(now_ms), sent.packet);
        }
        buffer.pull(origin + Duration::from_millis(now_ms), &mut [0.0; BLOCK_SAMPLES]);
        // In samples, how far behind the clock.
        told.extend(
            buffer.stats().playing_received.map(|timestamp| now_ms as i64 * 48 - i64::from(timestamp)),
        );
    }
    assert!((80..=105).contains(&told.len()), "{} of 100 blocks", told.len());
    let [least, most] =
        [told.iter().min(), told.iter().max()].map(|bound| bound.copied().unwrap_or_default());
    assert!(most - least <= 960, "what is heard is {least} to {most} samples old");
}
