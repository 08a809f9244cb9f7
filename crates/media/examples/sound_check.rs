//! Plays a WAV file through everything that sound passes in a call, within one process: a microphone, Opus, the jitter
//! buffer, a speaker. `sound_check MICROPHONE SPEAKER SECONDS` takes the choices of a call (`default`, a device id, a
//! `.wav` file, `tone`, `none`), prints what happens, and at the end one line of statistics. What goes into the
//! microphone and comes out of the speaker is for the caller to arrange and compare; `list` shows the devices.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use visavis_media::audio::{
    AudioSink, AudioSinkEvent, AudioSource, AudioSourceEvent, AudioStream, RtpAudioPacket, list_microphones,
    list_speakers,
};
use visavis_media::{MicrophoneChoice, SpeakerChoice};

enum Happened {
    Source(AudioSourceEvent),
    Sink(AudioSinkEvent),
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => list(),
        [microphone, speaker, seconds] => {
            let seconds = seconds.parse().context("SECONDS is a number")?;
            check(microphone.parse()?, speaker.parse()?, Duration::from_secs_f64(seconds))
        }
        _ => bail!("usage: sound_check list | sound_check MICROPHONE SPEAKER SECONDS"),
    }
}

fn list() -> anyhow::Result<()> {
    for device in list_microphones() {
        eprintln!("microphone {} ({})", device.id, device.label);
    }
    for device in list_speakers() {
        eprintln!("speaker {} ({})", device.id, device.label);
    }
    Ok(())
}

fn check(microphone: MicrophoneChoice, speaker: SpeakerChoice, duration: Duration) -> anyhow::Result<()> {
    let begin = Instant::now();
    let (happened, events) = mpsc::channel();
    let stream = Arc::new(OnceLock::<AudioStream>::new());

    let tell = happened.clone();
    let sink = AudioSink::spawn(move |event| {
        let _ = tell.send(Happened::Sink(event));
    })?;
    let _ = stream.set(sink.add_stream());
    let receiver = Arc::clone(&stream);
    let capture_us = Arc::new(AtomicU64::new(0));
    let captured = Arc::clone(&capture_us);
    let source = AudioSource::spawn(move |event| match event {
        AudioSourceEvent::Encoded(packet) => {
            captured.store(packet.captured.elapsed().as_micros() as u64, Ordering::Relaxed);
            if let Some(stream) = receiver.get() {
                let sequence = (packet.timestamp / 960) as u16;
                let (timestamp, payload) = (packet.timestamp, packet.data.clone());
                stream.push(RtpAudioPacket { sequence, timestamp, payload, copies: Vec::new() });
            }
        }
        AudioSourceEvent::Started | AudioSourceEvent::Failed(_) | AudioSourceEvent::Level(_) => {
            let _ = happened.send(Happened::Source(event));
        }
    })?;
    sink.select(speaker);
    source.select(microphone);
    source.set_sending(true);
    source.set_enabled(true);

    while let Some(left) = duration.checked_sub(begin.elapsed()) {
        let at = begin.elapsed().as_millis();
        match events.recv_timeout(left) {
            Ok(Happened::Source(AudioSourceEvent::Level(_))) | Err(_) => {}
            Ok(Happened::Source(event)) => eprintln!("{at} ms: microphone {event:?}"),
            Ok(Happened::Sink(AudioSinkEvent::Levels(_))) => {}
            Ok(Happened::Sink(event)) => eprintln!("{at} ms: speaker {event:?}"),
        }
    }
    if let Some(stream) = stream.get() {
        let stats = stream.stats();
        let capture = Duration::from_micros(capture_us.load(Ordering::Relaxed));
        let total = capture + stats.buffer.delay + stats.output_delay;
        eprintln!("{stats:?}");
        eprintln!(
            "delay: {capture:.1?} to a packet, {:.1?} in the jitter buffer, {:.1?} to the ear, {total:.1?} in all",
            stats.buffer.delay, stats.output_delay
        );
    }
    Ok(())
}
