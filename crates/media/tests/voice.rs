//! What voice processing does to an echo, to noise, to levels, and to who speaks, in a room that is made up. With
//! `-- --nocapture` it says what was measured.

#[path = "../bench/mod.rs"]
mod bench;

use bench::figures::{Kept, STEP_S, WINDOW_S, decibel, delay, energy, erle, levels, worst};
use bench::room::{RATE, Scene, Take, run};
use bench::speech::speech;
use visavis_media::audio::voice::{NoiseSuppression, VoiceSettings};

/// What the echo has to lose, in dB, from so many seconds on.
const ENOUGH_DB: f64 = 30.0;
const SETTLED_S: f64 = 2.0;

const ECHO_ONLY: VoiceSettings = VoiceSettings { echo_cancellation: true, ..VoiceSettings::OFF };

#[test]
fn an_echo_is_gone_after_two_seconds() {
    for (seed, pitch_hz) in [(3, 120.0), (4, 120.0), (2, 200.0)] {
        let take = run(&Scene { far: speech(seed, 10.0, pitch_hz), ..Scene::new(10.0) });
        let worst = worst(&erle(&take), SETTLED_S, 10.0);
        show(&format!("voice {seed} at {pitch_hz} Hz"), &take);
        assert!(worst >= ENOUGH_DB, "{worst} dB");
    }
}

#[test]
fn clocks_that_drift_apart_do_not_bring_the_echo_back() {
    for drift_ppm in [50.0, -50.0] {
        let take = run(&Scene { far: speech(2, 20.0, 200.0), drift_ppm, ..Scene::new(20.0) });
        show(&format!("{drift_ppm} ppm"), &take);
        let worst = worst(&erle(&take), SETTLED_S, 20.0);
        assert!(worst >= ENOUGH_DB, "{drift_ppm} ppm: {worst} dB");
    }
}

#[test]
fn an_echo_that_comes_later_at_once_is_found_again() {
    const JUMP_S: f64 = 8.0;
    let take = run(&Scene { far: speech(3, 16.0, 120.0), jump: Some((JUMP_S, 0.1)), ..Scene::new(16.0) });
    show("100 ms later", &take);
    let readings = erle(&take);
    let before = worst(&readings, SETTLED_S, JUMP_S - WINDOW_S);
    assert!(before >= ENOUGH_DB, "{before} dB");
    let (last_bad, _) = *readings
        .iter()
        .rfind(|(at, erle)| *at >= JUMP_S && *erle < ENOUGH_DB)
        .expect("it does come through");
    let healed_s = last_bad + STEP_S - JUMP_S;
    eprintln!("100 ms later: gone again after {healed_s:.2} s");
    assert!(healed_s <= 3.0, "{healed_s} s");
}

#[test]
fn an_echo_in_another_place_is_learnt_again() {
    const MOVED_S: f64 = 8.0;
    const HEALED_S: f64 = 3.0;
    let take = run(&Scene { far: speech(3, 16.0, 120.0), moved: Some(MOVED_S), ..Scene::new(16.0) });
    show("moved", &take);
    let worst = worst(&erle(&take), MOVED_S + HEALED_S, 16.0);
    assert!(worst >= ENOUGH_DB, "{worst} dB");
}

#[test]
fn who_speaks_while_the_other_does_is_kept() {
    let near = || {
        let mut near = vec![0.0; 4 * RATE];
        near.extend(speech(9, 8.0, 200.0));
        near
    };
    let alone = run(&Scene { near: near(), ..Scene::new(12.0) });
    for seed in [2, 3, 4] {
        let both = run(&Scene { far: speech(seed, 12.0, 120.0), near: near(), ..Scene::new(12.0) });
        let kept = Kept::measure(&both.output, &alone.output);
        let unprocessed = Kept::measure(&both.microphone, &alone.microphone);
        eprintln!("double talk {seed}: {kept:?}, unprocessed {unprocessed:?}");
        assert!(kept.correlation > 0.85, "{kept:?}");
        assert!(kept.level_db.abs() < 3.0, "{kept:?}");
        assert!(kept.segmental_snr_db > 8.0, "{kept:?}");
    }
}

#[test]
fn it_takes_no_longer_than_it_says() {
    let all = VoiceSettings::default();
    for (name, settings, longest_ms) in [
        ("nothing", VoiceSettings::OFF, 0.0),
        ("high-pass", VoiceSettings { high_pass: true, ..VoiceSettings::OFF }, 1.5),
        ("gain", VoiceSettings { automatic_gain: true, ..VoiceSettings::OFF }, 0.1),
        ("echo", ECHO_ONLY, 9.5),
        ("without noise suppression", VoiceSettings { noise_suppression: NoiseSuppression::Off, ..all }, 9.5),
        ("noise", VoiceSettings { noise_suppression: NoiseSuppression::Standard, ..VoiceSettings::OFF }, 0.1),
        ("all", all, 9.5),
    ] {
        let scene = Scene { near: speech(9, 6.0, 200.0), settings, ..Scene::new(6.0) };
        let take = run(&scene);
        let (delay_ms, correlation) = delay(&scene.near, &take.output);
        let told_ms = take.told_latency.as_secs_f64() * 1000.0;
        let cpu_ms = take.elapsed.as_secs_f64() * 1000.0 / 6.0;
        eprintln!(
            "{name}: {delay_ms:.2} ms later, correlation {correlation:.3}, {cpu_ms:.1} ms of CPU a second"
        );
        assert!(delay_ms <= longest_ms, "{name}: {delay_ms} ms");
        assert!((delay_ms - told_ms).abs() < 1.5, "{name}: {delay_ms} ms, {told_ms} ms told");
        assert!(correlation > 0.9, "{name}: {correlation}");
    }
}

#[test]
fn noise_is_made_quieter_and_silence_stays_silent() {
    let noise = |noise_suppression, noise_db| {
        let settings = VoiceSettings { noise_suppression, high_pass: true, ..VoiceSettings::OFF };
        let take = run(&Scene { settings, noise_db, ..Scene::new(6.0) });
        let late = 4 * RATE..6 * RATE;
        decibel(energy(&take.output[late.clone()]) / energy(&take.microphone[late]))
    };
    let (standard, strong) =
        (noise(NoiseSuppression::Standard, -50.0), noise(NoiseSuppression::Strong, -50.0));
    eprintln!("noise: standard {standard:.1} dB, strong {strong:.1} dB");
    assert!(standard < -8.0 && strong < standard - 4.0);

    let settings = VoiceSettings { noise_suppression: NoiseSuppression::Standard, ..VoiceSettings::OFF };
    let take = run(&Scene { near: speech(9, 10.0, 200.0), settings, noise_db: -45.0, ..Scene::new(10.0) });
    let (voice_db, pauses_db) = levels(&speech(9, 10.0, 200.0), &take);
    eprintln!("a voice in noise: voice {voice_db:.1} dB, pauses {pauses_db:.1} dB");
    assert!(voice_db > -1.5 && pauses_db < -8.0);

    let silent = Scene { noise_db: -200.0, settings: VoiceSettings::default(), ..Scene::new(6.0) };
    let loudest = run(&silent).output.into_iter().fold(0.0, |loudest: f32, sample| loudest.max(sample.abs()));
    assert!(loudest < 1e-4, "{loudest}");
}

#[test]
fn a_quiet_voice_is_raised() {
    let quiet: Vec<f32> = speech(9, 10.0, 200.0).iter().map(|sample| 0.1 * sample).collect();
    let settings = VoiceSettings { automatic_gain: true, ..VoiceSettings::OFF };
    let take = run(&Scene { near: quiet, settings, noise_db: -90.0, ..Scene::new(10.0) });
    let late = 5 * RATE..10 * RATE;
    let raised = decibel(energy(&take.output[late.clone()]) / energy(&take.microphone[late]));
    eprintln!("46 dB below full scale: raised by {raised:.1} dB");
    assert!((6.0..40.0).contains(&raised), "{raised}");
}

#[test]
fn it_can_be_switched_off_and_on_while_it_runs() {
    let scene = |settings, then| Scene {
        far: speech(4, 12.0, 120.0),
        settings,
        change: Some((6.0, then)),
        ..Scene::new(12.0)
    };
    let off = run(&scene(VoiceSettings::default(), VoiceSettings::OFF));
    assert_eq!(off.output[6 * RATE..], off.microphone[6 * RATE..]);
    let on = run(&scene(VoiceSettings::OFF, ECHO_ONLY));
    assert_eq!(on.output[..6 * RATE], on.microphone[..6 * RATE]);
    show("switched on", &on);
    let worst = worst(&erle(&on), 6.0 + SETTLED_S + 0.5, 12.0);
    assert!(worst >= ENOUGH_DB, "{worst}");
}

fn show(name: &str, take: &Take) {
    let readings: Vec<String> = erle(take).iter().map(|(_, erle)| format!("{erle:.0}")).collect();
    eprintln!("{name}: ERLE every {STEP_S} s: {} dB", readings.join(" "));
    let cpu_ms = take.elapsed.as_secs_f64() * 1000.0 * RATE as f64 / take.output.len() as f64;
    eprintln!("{name}: echo found after {:?}, {cpu_ms:.1} ms of CPU a second", take.echo_delay);
}
