//! The speaker and the mixer, as their owner sees them.

mod stream;
mod worker;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::handle::Handle;
use super::voice::RenderSender;
use super::volume::Volume;
use crate::{DeviceError, SpeakerChoice};
use stream::Incoming;
pub use stream::{AudioStream, AudioStreamId, AudioStreamStats};
use worker::Worker;

/// What a sink tells, on its worker thread: the listener must not block.
#[derive(Debug, Clone, PartialEq)]
pub enum AudioSinkEvent {
    /// The selected speaker plays.
    Started,
    /// It failed and was given up; the streams go on unheard. Another selection, or the same again, is a new try.
    Failed(DeviceError),
    /// The first sound of a stream goes to the speaker, or would if there were one.
    FirstAudio(AudioStreamId),
    /// How loud each stream is before its volume, 0 to 1, ten times a second while there are any.
    Levels(Vec<(AudioStreamId, f32)>),
}

/// The owner of the speaker and of the mixer. It begins without a speaker. Every method returns at once; dropping it
/// closes the speaker.
pub struct AudioSink {
    worker: Handle<Command>,
    next_stream: AtomicU64,
}

enum Command {
    Select(SpeakerChoice),
    AddStream(Incoming),
    SetVolume(AudioStreamId, Volume),
    SetOutputVolume(Volume),
    FeedEcho(RenderSender),
}

impl AudioSink {
    /// Fails only if the system has no thread to give.
    pub fn spawn(events: impl Fn(AudioSinkEvent) + Send + Sync + 'static) -> io::Result<Self> {
        let worker =
            Handle::spawn("audio playout", move |inbox| Worker::new(events, Instant::now()).run(inbox))?;
        Ok(Self { worker, next_stream: AtomicU64::new(0) })
    }

    /// Changes the speaker. Answered by `Started` or `Failed`, except `none`. A file gets everything that a speaker
    /// would play, silence included, in real time.
    pub fn select(&self, choice: SpeakerChoice) {
        self.worker.send(Command::Select(choice));
    }

    /// Adds a voice, silent until its first packet.
    pub fn add_stream(&self) -> AudioStream {
        let (stream, incoming) = stream::open(self.next_stream.fetch_add(1, Ordering::Relaxed));
        self.worker.send(Command::AddStream(incoming));
        stream
    }

    /// How loud a stream is among the others; as it comes, to begin with.
    pub fn set_volume(&self, stream: AudioStreamId, volume: Volume) {
        self.worker.send(Command::SetVolume(stream, volume));
    }

    /// How loud all of it is.
    pub fn set_output_volume(&self, volume: Volume) {
        self.worker.send(Command::SetOutputVolume(volume));
    }

    /// From now on leaves what a speaker plays for the echo canceller of a source.
    pub fn feed_echo(&self, feed: RenderSender) {
        self.worker.send(Command::FeedEcho(feed));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};
    use std::time::Duration;

    use super::*;
    use crate::audio::{AudioSource, AudioSourceEvent, BLOCK_SAMPLES, RtpAudioPacket, SAMPLE_RATE};
    use crate::{DeviceErrorCode, MicrophoneChoice};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn sink() -> (AudioSink, Receiver<AudioSinkEvent>) {
        let (sender, events) = mpsc::channel();
        let sink = AudioSink::spawn(move |event| {
            let _ = sender.send(event);
        });
        (sink.expect("a thread"), events)
    }

    /// Sends the tone into a stream, for so many packets.
    fn send_tone(stream: &AudioStream, packets: u16) {
        let (sender, events) = mpsc::channel();
        let source = AudioSource::spawn(move |event| {
            if let AudioSourceEvent::Encoded(packet) = event {
                let _ = sender.send(packet);
            }
        })
        .expect("a thread");
        source.select(MicrophoneChoice::Tone);
        source.set_sending(true);
        source.set_enabled(true);
        for sequence in 0..packets {
            let packet = events.recv_timeout(PATIENCE).expect("a packet");
            let (timestamp, payload) = (packet.timestamp, packet.data.clone());
            stream.push(RtpAudioPacket { sequence, timestamp, payload, copies: Vec::new() });
        }
    }

    /// The next event but levels.
    fn next(events: &Receiver<AudioSinkEvent>) -> AudioSinkEvent {
        loop {
            match events.recv_timeout(PATIENCE).expect("an event") {
                AudioSinkEvent::Levels(_) => {}
                event @ (AudioSinkEvent::Started
                | AudioSinkEvent::Failed(_)
                | AudioSinkEvent::FirstAudio(_)) => return event,
            }
        }
    }

    #[test]
    fn a_file_gets_what_a_speaker_would_play() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("heard.wav");
        let (sink, events) = sink();
        sink.select(SpeakerChoice::File(path.clone()));
        assert_eq!(next(&events), AudioSinkEvent::Started);
        let begin = Instant::now();
        let stream = sink.add_stream();
        send_tone(&stream, 50);
        assert_eq!(next(&events), AudioSinkEvent::FirstAudio(stream.id()));
        let levels = events.try_iter().filter_map(|event| match event {
            AudioSinkEvent::Levels(levels) => levels.into_iter().next(),
            AudioSinkEvent::Started | AudioSinkEvent::Failed(_) | AudioSinkEvent::FirstAudio(_) => None,
        });
        let loudest = levels.map(|(_, level)| level).fold(0.0, f32::max);
        assert!((0.2..0.3).contains(&loudest), "the tone is measured: {loudest}");
        let stats = stream.stats();
        assert!(stats.buffer.total_samples > 20_000, "{stats:?}");
        drop(sink);
        let elapsed = begin.elapsed().as_secs_f64();

        let reader = hound::WavReader::open(&path).expect("a recording");
        let samples: Vec<f32> =
            reader.into_samples::<i16>().map(|s| f32::from(s.expect("sample")) / 32767.0).collect();
        let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
        assert!((seconds - elapsed).abs() < 0.2, "{seconds} s recorded in {elapsed} s");
        let loud = samples
            .chunks_exact(BLOCK_SAMPLES)
            .filter(|block| {
                let power = block.iter().map(|s| s * s).sum::<f32>() / BLOCK_SAMPLES as f32;
                (0.1..0.25).contains(&power.sqrt())
            })
            .count();
        assert!(loud >= 80, "{loud} blocks of the tone");
    }

    #[test]
    fn a_speaker_that_fails_leaves_the_streams_running() {
        let (sink, events) = sink();
        let stream = sink.add_stream();
        sink.select(SpeakerChoice::File("/nowhere/heard.wav".into()));
        let AudioSinkEvent::Failed(error) = next(&events) else { panic!("it fails first") };
        assert_eq!(error.code, DeviceErrorCode::File);
        send_tone(&stream, 10);
        assert_eq!(next(&events), AudioSinkEvent::FirstAudio(stream.id()));
    }
}
