use std::f64::consts::PI;
use std::time::{Duration, Instant};

use visavis_media::audio::voice::{RenderedBlock, VoiceProcessor, VoiceSettings};
use visavis_media::audio::{BLOCK_SAMPLES, Block};

use super::speech::Noise;

pub(crate) const RATE: usize = 48_000;

/// What lies between giving a block to the speaker and hearing it, and between capturing one and processing it.
const PLAYOUT: Duration = Duration::from_millis(40);
const CAPTURE: Duration = Duration::from_millis(20);

/// The times that systems tell of single blocks are so far off.
const JITTER_MS: f64 = 5.0;

/// Taps of the room: velvet noise, which sounds as dense as white noise does. The last ones are 45 dB below the first.
const TAPS: usize = 500;
const SHARE_WITH_TAPS: f64 = 0.75;

/// Places in the room: seeds of what its walls give back there.
const HERE: u64 = 42;
const ELSEWHERE: u64 = 43;

/// What happens in the room.
pub(crate) struct Scene {
    pub(crate) far: Vec<f32>,
    pub(crate) near: Vec<f32>,
    /// The echo, compared to what is played.
    pub(crate) echo_db: f64,
    /// In which the room's sound has fallen by 60 dB.
    pub(crate) reverberation_s: f64,
    /// Steady noise in the microphone, below full scale.
    pub(crate) noise_db: f64,
    /// How much faster the speaker's clock is than the microphone's.
    pub(crate) drift_ppm: f64,
    /// From when on everything is heard so much later, which no time stamp tells.
    pub(crate) jump: Option<(f64, f64)>,
    /// From when on the microphone stands elsewhere, where other ways lead to it.
    pub(crate) moved: Option<f64>,
    pub(crate) settings: VoiceSettings,
    /// From when on other settings hold.
    pub(crate) change: Option<(f64, VoiceSettings)>,
}

impl Scene {
    pub(crate) fn new(seconds: f64) -> Self {
        let silence = vec![0.0; (seconds * RATE as f64) as usize];
        Self {
            far: silence.clone(),
            near: silence,
            echo_db: -9.0,
            // A furnished one.
            reverberation_s: 0.2,
            noise_db: -75.0,
            drift_ppm: 0.0,
            jump: None,
            moved: None,
            settings: VoiceSettings { echo_cancellation: true, high_pass: true, ..VoiceSettings::OFF },
            change: None,
        }
    }
}

/// What came of it; all of the same length.
pub(crate) struct Take {
    pub(crate) echo: Vec<f32>,
    pub(crate) microphone: Vec<f32>,
    pub(crate) output: Vec<f32>,
    pub(crate) echo_delay: Option<Duration>,
    /// By how much what comes out was captured earlier, as the processor says, in the end.
    pub(crate) told_latency: Duration,
    pub(crate) elapsed: Duration,
}

pub(crate) fn run(scene: &Scene) -> Take {
    let played = played(scene);
    let mut echo = reverberate(&played, scene, HERE);
    if let Some(at) = scene.moved {
        let from = (at * RATE as f64) as usize;
        echo[from..].copy_from_slice(&reverberate(&played, scene, ELSEWHERE)[from..]);
    }
    let mut hiss = Noise::new(77);
    let noise = 3_f64.sqrt() * 10_f64.powf(scene.noise_db / 20.0);
    let microphone: Vec<f32> =
        echo.iter().zip(&scene.near).map(|(echo, near)| echo + near + (noise * hiss.next()) as f32).collect();

    let mut processor = VoiceProcessor::new(scene.settings);
    let start = Instant::now();
    let mut jitter = Noise::new(5);
    let mut jittered =
        |time: Duration| time + Duration::from_secs_f64((JITTER_MS + JITTER_MS * jitter.next()) / 1000.0);
    let mut output = Vec::with_capacity(microphone.len());
    let (mut rendered, mut change, mut told_latency) = (0, scene.change, Duration::ZERO);
    for (n, captured) in microphone.chunks_exact(BLOCK_SAMPLES).enumerate() {
        let begun = Duration::from_millis(10) * n as u32;
        if let Some((_, settings)) = change.take_if(|(at, _)| *at <= begun.as_secs_f64()) {
            processor.set_settings(settings);
        }
        // Each is processed once it is complete; and what is heard then was given to the speaker long ago.
        let now = begun + CAPTURE + Duration::from_millis(10);
        loop {
            let heard = Duration::from_secs_f64(
                (rendered * BLOCK_SAMPLES) as f64 / RATE as f64 / (1.0 + scene.drift_ppm * 1e-6),
            );
            if heard > now + PLAYOUT {
                break;
            }
            let block = block_at(&scene.far, rendered);
            let sequence = rendered as u64;
            processor.handle_render(&RenderedBlock { sequence, heard: start + jittered(heard), block });
            rendered += 1;
        }
        let mut block: Block = captured.try_into().expect("a block");
        let captured = start + jittered(begun);
        told_latency = captured - processor.handle_capture(captured, &mut block);
        output.extend(block);
    }
    Take {
        echo,
        microphone,
        output,
        echo_delay: processor.echo_delay(),
        told_latency,
        elapsed: start.elapsed(),
    }
}

fn block_at(sound: &[f32], index: usize) -> Block {
    sound
        .get(index * BLOCK_SAMPLES..(index + 1) * BLOCK_SAMPLES)
        .and_then(|block| block.try_into().ok())
        .unwrap_or([0.0; BLOCK_SAMPLES])
}

/// What comes out of the speaker, in samples of the microphone's clock.
fn played(scene: &Scene) -> Vec<f32> {
    let pace = 1.0 + scene.drift_ppm * 1e-6;
    (0..scene.far.len())
        .map(|n| {
            let time = n as f64 / RATE as f64;
            match scene.jump {
                Some((at, by)) if time >= at && time < at + by => 0.0,
                Some((at, by)) if time >= at => sample_at(&scene.far, (n as f64 - by * RATE as f64) * pace),
                Some(_) | None => sample_at(&scene.far, n as f64 * pace),
            }
        })
        .collect()
}

/// Between samples by a windowed sinc, far better than what is to be tested.
fn sample_at(sound: &[f32], place: f64) -> f32 {
    const REACH: isize = 16;
    let (first, x) = (place.floor() as isize, place.fract());
    if x == 0.0 {
        return sound.get(first as usize).copied().unwrap_or(0.0);
    }
    let turn = (PI * x).sin() / PI;
    (1 - REACH..=REACH)
        .map(|k| {
            let distance = x - k as f64;
            let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
            let window = (0.5 * PI * distance / (REACH as f64 + 1.0)).cos().powi(2);
            let sample = usize::try_from(first + k).ok().and_then(|n| sound.get(n)).copied().unwrap_or(0.0);
            f64::from(sample) * sign * turn / distance * window
        })
        .sum::<f64>() as f32
}

/// The direct way of 3 ms, and as much again of what the walls give back.
fn reverberate(played: &[f32], scene: &Scene, place: u64) -> Vec<f32> {
    let &Scene { echo_db, reverberation_s, .. } = scene;
    let mut random = Noise::new(place);
    let mut taps: Vec<(usize, f64)> = vec![(RATE * 3 / 1000, 1.0)];
    let length = (RATE as f64 * SHARE_WITH_TAPS * reverberation_s) as usize;
    for n in 0..TAPS {
        let at = RATE * 4 / 1000
            + (n * length) / TAPS
            + (0.5 * (random.next() + 1.0) * (length / TAPS) as f64) as usize;
        let decay = (-6.9 * at as f64 / (reverberation_s * RATE as f64)).exp();
        taps.push((at, decay * random.next().signum()));
    }
    let walls: f64 = taps[1..].iter().map(|(_, gain)| gain * gain).sum();
    taps[0].1 = walls.sqrt();
    let scale = 10_f64.powf(echo_db / 20.0) / (2.0 * walls).sqrt();
    let mut echo = vec![0.0_f32; played.len()];
    for (at, gain) in taps {
        let gain = (gain * scale) as f32;
        echo[at..].iter_mut().zip(played).for_each(|(sum, sample)| *sum += gain * sample);
    }
    echo
}
