use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Block;
use super::hardware::{Closing, OwnedDevice, Report, SpeakerEnd, open_speaker};
use super::jitter::{JitterStats, RtpAudioPacket};
use super::mixer::Mixer;
use super::pace::{BLOCK_TIME, Pacer};
use super::speaker::OpenSpeaker;
use super::voice::RenderSender;
use super::volume::Volume;
use super::wav::WavRecorder;
use crate::sync::Playout;
use crate::{DeviceError, SpeakerChoice};

/// How often the worker looks at the ring of a device.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Packets of a stream that may wait for the worker: over a second.
const MAX_WAITING_PACKETS: usize = 64;

/// Blocks mixed in one go, however much a device asks for: a second.
const MAX_BLOCKS_AT_ONCE: usize = 100;

/// Blocks between two publications of the streams' levels and statistics: 100 ms.
const BLOCKS_PER_STATS: u64 = 10;

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

/// Names a stream of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudioStreamId(u64);

/// How a stream plays.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AudioStreamStats {
    pub buffer: JitterStats,
    /// The sample that follows the last one; `None` while no sound flows.
    pub playout: Option<Playout>,
    /// From the jitter buffer to the ear: the ring and what the system says of the device.
    pub output_delay: Duration,
    /// How often the ring of the present speaker ran dry.
    pub underruns: u64,
    /// Packets dropped because the worker was too far behind.
    pub dropped_packets: u64,
}

/// The owner of the speaker and of the mixer. It begins without a speaker. Every method returns at once; dropping it
/// closes the speaker.
pub struct AudioSink {
    commands: Option<Sender<Command>>,
    worker: Option<JoinHandle<()>>,
    next_stream: AtomicU64,
}

/// One incoming voice. Dropping it ends it.
pub struct AudioStream {
    id: AudioStreamId,
    packets: SyncSender<(Instant, RtpAudioPacket)>,
    stats: watch::Receiver<AudioStreamStats>,
    minimum_delay: watch::Sender<Duration>,
    dropped: Arc<AtomicU64>,
}

enum Command {
    Select(SpeakerChoice),
    AddStream(Stream),
    SetVolume(AudioStreamId, Volume),
    SetOutputVolume(Volume),
    FeedEcho(RenderSender),
}

impl AudioSink {
    /// Fails only if the system has no thread to give.
    pub fn spawn(events: impl Fn(AudioSinkEvent) + Send + Sync + 'static) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let worker = thread::Builder::new()
            .name("audio playout".to_owned())
            .spawn(move || Worker::new(events, Instant::now()).run(&inbox))?;
        Ok(Self { commands: Some(commands), worker: Some(worker), next_stream: AtomicU64::new(0) })
    }

    /// Changes the speaker. Answered by `Started` or `Failed`, except `none`. A file gets everything that a speaker
    /// would play, silence included, in real time.
    pub fn select(&self, choice: SpeakerChoice) {
        self.send(Command::Select(choice));
    }

    /// Adds a voice, silent until its first packet.
    pub fn add_stream(&self) -> AudioStream {
        let id = AudioStreamId(self.next_stream.fetch_add(1, Ordering::Relaxed));
        let (sender, packets) = mpsc::sync_channel(MAX_WAITING_PACKETS);
        let (publish, stats) = watch::channel(AudioStreamStats::default());
        let (minimum_delay, wanted_delay) = watch::channel(Duration::ZERO);
        let dropped = Arc::new(AtomicU64::new(0));
        self.send(Command::AddStream(Stream {
            id,
            packets,
            stats: publish,
            minimum_delay: wanted_delay,
            dropped: Arc::clone(&dropped),
            heard: false,
        }));
        AudioStream { id, packets: sender, stats, minimum_delay, dropped }
    }

    /// How loud a stream is among the others; as it comes, to begin with.
    pub fn set_volume(&self, stream: AudioStreamId, volume: Volume) {
        self.send(Command::SetVolume(stream, volume));
    }

    /// How loud all of it is.
    pub fn set_output_volume(&self, volume: Volume) {
        self.send(Command::SetOutputVolume(volume));
    }

    /// From now on leaves what a speaker plays for the echo canceller of a source.
    pub fn feed_echo(&self, feed: RenderSender) {
        self.send(Command::FeedEcho(feed));
    }

    /// The worker ends only with this handle, so a command always arrives.
    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
    }
}

impl Drop for AudioSink {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(worker) = self.worker.take()
            && worker.thread().id() != thread::current().id()
        {
            let _ = worker.join();
        }
    }
}

impl AudioStream {
    pub fn id(&self) -> AudioStreamId {
        self.id
    }

    /// Hands over a packet that has just arrived. Never blocks: a packet too many is dropped and counted.
    pub fn push(&self, packet: RtpAudioPacket) {
        if self.packets.try_send((Instant::now(), packet)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Plays so far behind the fastest packets at least, up to half a second.
    pub fn set_minimum_delay(&self, minimum: Duration) {
        self.minimum_delay.send_replace(minimum);
    }

    /// How it plays, at most 100 ms ago.
    pub fn stats(&self) -> AudioStreamStats {
        *self.stats.borrow()
    }
}

/// The worker's end of a stream.
struct Stream {
    id: AudioStreamId,
    packets: Receiver<(Instant, RtpAudioPacket)>,
    stats: watch::Sender<AudioStreamStats>,
    minimum_delay: watch::Receiver<Duration>,
    dropped: Arc<AtomicU64>,
    heard: bool,
}

struct Worker<E> {
    events: E,
    mixer: Mixer<AudioStreamId>,
    streams: Vec<Stream>,
    output: Output,
    /// For a speaker only: what goes to a file or nowhere has no echo.
    echo: Option<RenderSender>,
    blocks: u64,
}

/// Where sound goes, and whose clock it follows.
enum Output {
    /// Nowhere, or only into a file, by the system's clock.
    Clock { pacer: Pacer, recorder: Option<WavRecorder> },
    /// Nowhere yet, by the system's clock.
    Opening { pacer: Pacer, device: OwnedDevice<SpeakerEnd> },
    /// To a device, by its clock.
    Open(Box<OpenSpeaker>),
}

impl<E: Fn(AudioSinkEvent)> Worker<E> {
    fn new(events: E, now: Instant) -> Self {
        Self {
            events,
            mixer: Mixer::default(),
            streams: Vec::new(),
            output: Output::Clock { pacer: Pacer::new(now), recorder: None },
            echo: None,
            blocks: 0,
        }
    }

    fn run(mut self, inbox: &Receiver<Command>) {
        loop {
            let command = match self.next_wake() {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            let outcome = match command {
                Ok(command) => self.handle_command(command, Instant::now()),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Err(error) = outcome.and_then(|()| self.poll(Instant::now())) {
                self.output = Output::Clock { pacer: Pacer::new(Instant::now()), recorder: None };
                (self.events)(AudioSinkEvent::Failed(error));
            }
        }
    }

    /// When there is something to do; never while nothing is played to nowhere.
    fn next_wake(&self) -> Option<Instant> {
        match &self.output {
            Output::Clock { recorder: None, .. } if self.streams.is_empty() => None,
            Output::Clock { pacer, .. } => Some(pacer.deadline()),
            Output::Opening { .. } | Output::Open(_) => Some(Instant::now() + POLL_INTERVAL),
        }
    }

    fn handle_command(&mut self, command: Command, now: Instant) -> Result<(), DeviceError> {
        match command {
            Command::Select(choice) => self.select(choice, now),
            Command::AddStream(stream) => {
                if let Err(error) = self.mixer.add(stream.id) {
                    tracing::error!(%error, "no decoder for an incoming voice");
                    return Ok(());
                }
                if self.next_wake().is_none() {
                    self.output = Output::Clock { pacer: Pacer::new(now), recorder: None };
                }
                self.streams.push(stream);
                Ok(())
            }
            Command::SetVolume(stream, volume) => {
                self.mixer.set_volume(stream, volume);
                Ok(())
            }
            Command::SetOutputVolume(volume) => {
                self.mixer.set_output_volume(volume);
                Ok(())
            }
            Command::FeedEcho(feed) => {
                self.echo = Some(feed);
                Ok(())
            }
        }
    }

    fn select(&mut self, choice: SpeakerChoice, now: Instant) -> Result<(), DeviceError> {
        let pacer = || Pacer::new(now);
        let silent = Output::Clock { pacer: pacer(), recorder: None };
        let previous = std::mem::replace(&mut self.output, silent).close();
        let open = |id| Output::Opening { pacer: pacer(), device: open_speaker(id, previous) };
        self.output = match choice {
            SpeakerChoice::None => return Ok(()),
            SpeakerChoice::File(path) => {
                let recorder = WavRecorder::create(&path)?;
                (self.events)(AudioSinkEvent::Started);
                Output::Clock { pacer: pacer(), recorder: Some(recorder) }
            }
            SpeakerChoice::Default => open(None),
            SpeakerChoice::Device(id) => open(Some(id)),
        };
        Ok(())
    }

    /// Takes what came in and plays what is due.
    fn poll(&mut self, now: Instant) -> Result<(), DeviceError> {
        self.receive();
        let silent = Output::Clock { pacer: Pacer::new(now), recorder: None };
        let mut output = std::mem::replace(&mut self.output, silent);
        let outcome = match &mut output {
            Output::Clock { pacer, recorder } => self.play_by_clock(pacer, recorder.as_mut(), now),
            Output::Opening { pacer, device } => match device.poll_report() {
                None => self.play_by_clock(pacer, None, now),
                Some(Report::Failed(error)) => Err(error),
                Some(Report::Opened(end)) => return self.on_opened(output, end, now),
            },
            Output::Open(speaker) => self.play_to(speaker, now),
        };
        self.output = output;
        outcome
    }

    /// Sorts waiting packets into their jitter buffers, and forgets streams that were dropped.
    fn receive(&mut self) {
        let mixer = &mut self.mixer;
        self.streams.retain_mut(|stream| {
            if stream.minimum_delay.has_changed().unwrap_or(false) {
                mixer.set_minimum_delay(stream.id, *stream.minimum_delay.borrow_and_update());
            }
            loop {
                match stream.packets.try_recv() {
                    Ok((arrived, packet)) => mixer.handle_packet(arrived, stream.id, packet),
                    Err(TryRecvError::Empty) => return true,
                    Err(TryRecvError::Disconnected) => {
                        mixer.remove(stream.id);
                        return false;
                    }
                }
            }
        });
    }

    fn play_by_clock(
        &mut self,
        pacer: &mut Pacer,
        mut recorder: Option<&mut WavRecorder>,
        now: Instant,
    ) -> Result<(), DeviceError> {
        while let Some(due) = pacer.poll(now) {
            let block = self.pull(due, Duration::ZERO, 0);
            if let Some(recorder) = &mut recorder {
                recorder.write(&block)?;
            }
        }
        Ok(())
    }

    fn on_opened(&mut self, opening: Output, end: SpeakerEnd, now: Instant) -> Result<(), DeviceError> {
        let Output::Opening { device, .. } = opening else { return Ok(()) };
        let mut speaker = Box::new(OpenSpeaker::new(device, end, now)?);
        (self.events)(AudioSinkEvent::Started);
        let outcome = self.play_to(&mut speaker, now);
        self.output = Output::Open(speaker);
        outcome
    }

    /// Fills the ring up to its target.
    fn play_to(&mut self, speaker: &mut OpenSpeaker, now: Instant) -> Result<(), DeviceError> {
        speaker.check(now)?;
        for _ in 0..MAX_BLOCKS_AT_ONCE {
            if !speaker.wants_more() {
                break;
            }
            let delay = speaker.delay();
            let block = self.pull(now, delay, speaker.underruns());
            if let Some(echo) = &mut self.echo {
                echo.send(now + delay, &block);
            }
            speaker.write(&block);
        }
        Ok(())
    }

    /// Mixes 10 ms and tells what the streams did.
    fn pull(&mut self, now: Instant, output_delay: Duration, underruns: u64) -> Block {
        let block = self.mixer.pull(now);
        self.blocks += 1;
        for stream in &mut self.streams {
            let Some(buffer) = self.mixer.stats(stream.id) else { continue };
            if !stream.heard && buffer.total_samples > 0 {
                stream.heard = true;
                (self.events)(AudioSinkEvent::FirstAudio(stream.id));
            }
            if self.blocks.is_multiple_of(BLOCKS_PER_STATS) {
                let dropped_packets = stream.dropped.load(Ordering::Relaxed);
                let playout = buffer.playing_received.map(|timestamp| Playout {
                    timestamp,
                    at: now + BLOCK_TIME + output_delay,
                    delay: buffer.delay,
                    needed: buffer.needed_delay,
                });
                stream.stats.send_replace(AudioStreamStats {
                    buffer,
                    playout,
                    output_delay,
                    underruns,
                    dropped_packets,
                });
            }
        }
        if self.blocks.is_multiple_of(BLOCKS_PER_STATS) && !self.mixer.is_empty() {
            (self.events)(AudioSinkEvent::Levels(self.mixer.take_levels().collect()));
        }
        block
    }
}

impl Output {
    fn close(self) -> Option<Closing> {
        match self {
            Self::Clock { .. } => None,
            Self::Opening { device, .. } => Some(device.close()),
            Self::Open(speaker) => Some(speaker.close()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{AudioSource, AudioSourceEvent, BLOCK_SAMPLES, SAMPLE_RATE};
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
