//! Plays recorded speech in the made-up room of `bench/`, through the voice processing of a call, in virtual time.
//!
//! `voice_room FAR.wav NEAR.wav FOLDER` prints one line of JSON for each case and processing: how much the echo loses while
//! only the far side speaks, and the files that it left in FOLDER of what follows, while both do: the near voice as it is
//! (`clean`), as the microphone hears it with the echo (`before`), and as it is sent (`after`), beside what is sent when
//! nobody speaks at the far side (`alone`).

#[path = "../bench/mod.rs"]
mod bench;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use bench::figures::{STEP_S, WINDOW_S, energy, erle};
use bench::room::{RATE, Scene, run};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use serde_json::json;
use visavis_media::audio::voice::VoiceSettings;
use visavis_media::audio::{Resampler, SAMPLE_RATE};

/// The far side speaks all the time, the near side from here on.
const NEAR_FROM_S: f64 = 12.0;
const SECONDS: f64 = 28.0;

/// From when on the echo has to be gone, at first and after it has moved.
const SETTLED_S: f64 = 2.0;
const HEALED_S: f64 = 3.0;

/// What the echo has to lose, in dB.
const ENOUGH_DB: f64 = 30.0;

/// How loud a voice is while it speaks, below full scale.
const LEVEL_DB: f64 = -26.0;

struct Case {
    name: &'static str,
    drift_ppm: f64,
    jump: Option<(f64, f64)>,
    moved: Option<f64>,
    reverberation_s: f64,
    echo_db: f64,
}

const PLAIN: Case =
    Case { name: "plain", drift_ppm: 0.0, jump: None, moved: None, reverberation_s: 0.2, echo_db: -9.0 };
const CASES: [Case; 7] = [
    PLAIN,
    Case { name: "drift of 50 ppm", drift_ppm: 50.0, ..PLAIN },
    Case { name: "100 ms later at 6 s", jump: Some((6.0, 0.1)), ..PLAIN },
    Case { name: "100 ms later while both speak", jump: Some((16.0, 0.1)), ..PLAIN },
    Case { name: "moved at 6 s", moved: Some(6.0), ..PLAIN },
    Case { name: "a room of 250 ms", reverberation_s: 0.25, ..PLAIN },
    Case { name: "an echo as loud as the voice", echo_db: 0.0, ..PLAIN },
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [far, near, folder] = &arguments[..] else { bail!("usage: voice_room FAR.wav NEAR.wav FOLDER") };
    let far = voice(far, SECONDS)?;
    let mut clean = vec![0.0; seconds(NEAR_FROM_S)];
    clean.extend(voice(near, SECONDS - NEAR_FROM_S)?);
    let alone = VoiceSettings { echo_cancellation: true, ..VoiceSettings::OFF };
    for case in &CASES {
        for (processing, settings) in [("all", VoiceSettings::default()), ("canceller", alone)] {
            let line = measure(case, processing, settings, &far, &clean, folder)?;
            writeln!(std::io::stdout(), "{line}")?;
        }
    }
    Ok(())
}

fn measure(
    case: &Case,
    processing: &str,
    settings: VoiceSettings,
    far: &[f32],
    clean: &[f32],
    folder: &Path,
) -> anyhow::Result<serde_json::Value> {
    let scene = || Scene {
        near: clean.to_vec(),
        drift_ppm: case.drift_ppm,
        jump: case.jump,
        moved: case.moved,
        reverberation_s: case.reverberation_s,
        echo_db: case.echo_db,
        settings,
        ..Scene::new(SECONDS)
    };
    let both = run(&Scene { far: far.to_vec(), ..scene() });
    let alone = run(&scene());
    let healing = case.jump.map(|(at, _)| at).or(case.moved);
    let readings: Vec<f64> = erle(&both)
        .into_iter()
        .filter(|(at, _)| (SETTLED_S..NEAR_FROM_S - WINDOW_S).contains(at))
        .filter(|(at, _)| healing.is_none_or(|from| !(from - WINDOW_S..from + HEALED_S).contains(at)))
        .map(|(_, erle)| erle)
        .collect();
    ensure!(!readings.is_empty(), "the far side said nothing");
    let save = |name: &str, sound: &[f32]| {
        let path = folder.join(format!("{} {processing} {name}.wav", case.name));
        write(&path, &sound[seconds(NEAR_FROM_S)..]).map(|()| path)
    };
    Ok(json!({
        "case": case.name,
        "processing": processing,
        "erle_db": { "median": percentile(&readings, 0.5), "worst": percentile(&readings, 0.0) },
        "seconds_below": readings.iter().filter(|erle| **erle < ENOUGH_DB).count() as f64 * STEP_S,
        "cpu_ms": both.elapsed.as_secs_f64() * 1000.0 / SECONDS,
        "clean": save("clean", clean)?,
        "before": save("before", &both.microphone)?,
        "after": save("after", &both.output)?,
        "alone": save("alone", &alone.output)?,
    }))
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

/// So many seconds of a recording, over and over, at the level of a voice.
fn voice(path: &Path, length_s: f64) -> anyhow::Result<Vec<f32>> {
    let mut reader = WavReader::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = reader.spec();
    ensure!(
        (spec.channels, spec.sample_format) == (1, SampleFormat::Int),
        "{} is not integer mono",
        path.display()
    );
    let scale = 1.0 / (1_i64 << (spec.bits_per_sample - 1)) as f32;
    let recorded: Result<Vec<f32>, _> =
        reader.samples::<i32>().map(|s| s.map(|s| s as f32 * scale)).collect();
    let mut sound = Vec::new();
    Resampler::new(spec.sample_rate, SAMPLE_RATE)?.process(&recorded?, &mut sound);
    let active: Vec<f32> = sound
        .chunks_exact(RATE / 100)
        .filter(|piece| energy(piece) > 1e-5 * piece.len() as f64)
        .flatten()
        .copied()
        .collect();
    ensure!(!active.is_empty(), "{} is silent", path.display());
    let gain = (10_f64.powf(LEVEL_DB / 20.0) / (energy(&active) / active.len() as f64).sqrt()) as f32;
    Ok(sound.iter().cycle().take(seconds(length_s)).map(|sample| gain * sample).collect())
}

fn write(path: &Path, sound: &[f32]) -> anyhow::Result<()> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(path, spec)?;
    for sample in sound {
        writer.write_sample((sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16)?;
    }
    Ok(writer.finalize()?)
}

fn seconds(seconds: f64) -> usize {
    (seconds * RATE as f64) as usize
}
