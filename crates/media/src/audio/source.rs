use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::Block;
use super::hardware::{Closing, MicrophoneEnd, OwnedDevice, Report, open_microphone};
use super::level::LevelMeter;
use super::microphone::{OpenMicrophone, Reading};
use super::opus::{AudioTarget, OpusError};
use super::pace::Pacer;
use super::packetizer::{EncodedAudio, VoicePacketizer};
use super::synthetic::{Pips, Synthetic, Tone};
use super::voice::{RenderReceiver, VoiceProcessor, VoiceSettings};
use super::wav::WavLoop;
use crate::{DeviceError, MicrophoneChoice};

/// How often the worker looks at the ring of a device.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// What a source tells, on its worker thread: the listener must not block.
#[derive(Debug, Clone)]
pub enum AudioSourceEvent {
    /// The selected microphone delivers.
    Started,
    /// It failed and was given up; another selection, or the same again, is a new try.
    Failed(DeviceError),
    /// How loud it is, 0 to 1, ten times a second while it is on.
    Level(f32),
    /// A packet to send; only while it is on and sending.
    Encoded(Arc<EncodedAudio>),
}

/// The owner of the microphone and of the voice encoder. It begins without a microphone, off, and not sending. Every
/// method only leaves a command and returns at once; dropping it closes the microphone.
pub struct AudioSource {
    commands: Option<Sender<Command>>,
    worker: Option<JoinHandle<()>>,
}

enum Command {
    Select(MicrophoneChoice),
    SetEnabled(bool),
    SetSending(bool),
    SetEncoder(AudioTarget),
    SetVoice(VoiceSettings),
    HearEcho(RenderReceiver),
}

impl AudioSource {
    /// Fails only if the system has no thread to give, or no memory for an encoder.
    pub fn spawn(events: impl Fn(AudioSourceEvent) + Send + Sync + 'static) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let voice = VoicePacketizer::new(AudioTarget::default()).map_err(io::Error::other)?;
        let worker = thread::Builder::new().name("audio capture".to_owned()).spawn(move || {
            Worker::new(events, voice).run(&inbox);
        })?;
        Ok(Self { commands: Some(commands), worker: Some(worker) })
    }

    /// Changes the microphone. Answered by `Started` or `Failed`, except `none`.
    pub fn select(&self, choice: MicrophoneChoice) {
        self.send(Command::Select(choice));
    }

    /// Switches the microphone on or off. While it is off, what it hears is thrown away unmeasured and unsent.
    pub fn set_enabled(&self, enabled: bool) {
        self.send(Command::SetEnabled(enabled));
    }

    /// Whether somebody wants packets. Without, the level is still measured.
    pub fn set_sending(&self, sending: bool) {
        self.send(Command::SetSending(sending));
    }

    pub fn set_encoder(&self, target: AudioTarget) {
        self.send(Command::SetEncoder(target));
    }

    /// What is done to the voice of a device; nothing, to begin with. The tone and files are sent as they are.
    pub fn set_voice(&self, settings: VoiceSettings) {
        self.send(Command::SetVoice(settings));
    }

    /// Where the echo canceller finds what is played.
    pub fn hear_echo(&self, rendered: RenderReceiver) {
        self.send(Command::HearEcho(rendered));
    }

    /// The worker ends only with this handle, so a command always arrives.
    fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
    }
}

impl Drop for AudioSource {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(worker) = self.worker.take()
            && worker.thread().id() != thread::current().id()
        {
            let _ = worker.join();
        }
    }
}

struct Worker<E> {
    events: E,
    input: Input,
    enabled: bool,
    sending: bool,
    processor: VoiceProcessor,
    rendered: Option<RenderReceiver>,
    voice: VoicePacketizer,
    level: LevelMeter,
}

/// Where sound comes from.
enum Input {
    None,
    /// Its pacer runs only while the microphone is on.
    Synthetic {
        synthetic: Synthetic,
        pacer: Option<Pacer>,
        started: bool,
    },
    Opening(OwnedDevice<MicrophoneEnd>),
    Open(Box<OpenMicrophone>),
}

/// Something on the way of a block failed.
enum Fault {
    Device(DeviceError),
    Encoder(OpusError),
}

impl<E: Fn(AudioSourceEvent)> Worker<E> {
    fn new(events: E, voice: VoicePacketizer) -> Self {
        Self {
            events,
            input: Input::None,
            enabled: false,
            sending: false,
            processor: VoiceProcessor::new(VoiceSettings::OFF),
            rendered: None,
            voice,
            level: LevelMeter::default(),
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
            match outcome.and_then(|()| self.poll(Instant::now())) {
                Ok(()) => {}
                Err(Fault::Device(error)) => {
                    self.input = Input::None;
                    (self.events)(AudioSourceEvent::Failed(error));
                }
                Err(Fault::Encoder(error)) => tracing::warn!(%error, "voice was not encoded"),
            }
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        match &self.input {
            Input::None => None,
            Input::Synthetic { pacer, .. } => pacer.as_ref().map(Pacer::deadline),
            Input::Opening(_) | Input::Open(_) => Some(Instant::now() + POLL_INTERVAL),
        }
    }

    fn handle_command(&mut self, command: Command, now: Instant) -> Result<(), Fault> {
        match command {
            Command::Select(choice) => self.select(choice, now),
            Command::SetEnabled(enabled) => {
                self.enabled = enabled;
                self.level = LevelMeter::default();
                if let Input::Synthetic { pacer, .. } = &mut self.input {
                    *pacer = enabled.then(|| Pacer::new(now));
                }
                self.voice.interrupt().map_err(Fault::Encoder)
            }
            Command::SetSending(sending) => {
                self.sending = sending;
                self.voice.interrupt().map_err(Fault::Encoder)
            }
            Command::SetEncoder(target) => self.voice.set_target(target).map_err(Fault::Encoder),
            Command::SetVoice(settings) => {
                self.processor.set_settings(settings);
                Ok(())
            }
            Command::HearEcho(rendered) => {
                self.rendered = Some(rendered);
                self.processor.interrupt();
                Ok(())
            }
        }
    }

    fn select(&mut self, choice: MicrophoneChoice, now: Instant) -> Result<(), Fault> {
        let previous = std::mem::replace(&mut self.input, Input::None).close();
        self.input = match choice {
            MicrophoneChoice::None => Input::None,
            MicrophoneChoice::Tone => self.synthetic(Synthetic::Tone(Tone::default()), now),
            MicrophoneChoice::Pips => self.synthetic(Synthetic::Pips(Pips::new(now, SystemTime::now())), now),
            MicrophoneChoice::File(path) => {
                let wav = open_wav(&path).map_err(Fault::Device)?;
                self.synthetic(wav, now)
            }
            MicrophoneChoice::Default => Input::Opening(open_microphone(None, previous)),
            MicrophoneChoice::Device(id) => Input::Opening(open_microphone(Some(id), previous)),
        };
        self.voice.interrupt().map_err(Fault::Encoder)
    }

    fn synthetic(&self, synthetic: Synthetic, now: Instant) -> Input {
        Input::Synthetic { synthetic, pacer: self.enabled.then(|| Pacer::new(now)), started: false }
    }

    /// Moves all sound that is there.
    fn poll(&mut self, now: Instant) -> Result<(), Fault> {
        let mut input = std::mem::replace(&mut self.input, Input::None);
        let outcome = match &mut input {
            Input::None => Ok(()),
            Input::Synthetic { synthetic, pacer, started } => {
                self.poll_synthetic(synthetic, pacer, started, now)
            }
            Input::Opening(device) => match device.poll_report() {
                None => Ok(()),
                Some(Report::Failed(error)) => Err(Fault::Device(error)),
                Some(Report::Opened(end)) => return self.on_opened(input, end, now),
            },
            Input::Open(microphone) => self.poll_microphone(microphone, now),
        };
        self.input = input;
        outcome
    }

    fn poll_synthetic(
        &mut self,
        synthetic: &mut Synthetic,
        pacer: &mut Option<Pacer>,
        started: &mut bool,
        now: Instant,
    ) -> Result<(), Fault> {
        let Some(pacer) = pacer else { return Ok(()) };
        while let Some(captured) = pacer.poll(now) {
            let block = synthetic.next_block(captured).map_err(Fault::Device)?;
            if !std::mem::replace(started, true) {
                (self.events)(AudioSourceEvent::Started);
            }
            self.on_block(captured, &block)?;
        }
        Ok(())
    }

    fn on_opened(&mut self, opening: Input, end: MicrophoneEnd, now: Instant) -> Result<(), Fault> {
        let Input::Opening(device) = opening else { return Ok(()) };
        let microphone = OpenMicrophone::new(device, end, now).map_err(Fault::Device)?;
        self.processor.restart();
        self.input = Input::Open(Box::new(microphone));
        Ok(())
    }

    fn poll_microphone(&mut self, microphone: &mut OpenMicrophone, now: Instant) -> Result<(), Fault> {
        match microphone.read(now).map_err(Fault::Device)? {
            Reading::First => (self.events)(AudioSourceEvent::Started),
            Reading::AfterLoss => {
                self.processor.interrupt();
                self.voice.interrupt().map_err(Fault::Encoder)?;
            }
            Reading::Continuous => {}
        }
        if let Some(rendered) = &mut self.rendered {
            while let Some(block) = rendered.receive() {
                self.processor.handle_render(&block);
            }
        }
        // Also while it is off, so that the room is known when it is switched on.
        while let Some((captured, mut block)) = microphone.next_block(now) {
            let heard = self.processor.handle_capture(captured, &mut block);
            self.on_block(heard, &block)?;
        }
        Ok(())
    }

    fn on_block(&mut self, captured: Instant, block: &Block) -> Result<(), Fault> {
        if !self.enabled {
            return Ok(());
        }
        if let Some(level) = self.level.handle_block(block) {
            (self.events)(AudioSourceEvent::Level(level));
        }
        if self.sending
            && let Some(packet) = self.voice.handle_block(captured, block).map_err(Fault::Encoder)?
        {
            (self.events)(AudioSourceEvent::Encoded(packet));
        }
        Ok(())
    }
}

impl Input {
    fn close(self) -> Option<Closing> {
        match self {
            Self::None | Self::Synthetic { .. } => None,
            Self::Opening(device) => Some(device.close()),
            Self::Open(microphone) => Some(microphone.close()),
        }
    }
}

fn open_wav(path: &Path) -> Result<Synthetic, DeviceError> {
    Ok(Synthetic::File(Box::new(WavLoop::open(path)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceErrorCode;
    use crate::audio::opus::PacketInfo;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn source() -> (AudioSource, Receiver<AudioSourceEvent>) {
        let (sender, events) = mpsc::channel();
        let source = AudioSource::spawn(move |event| {
            let _ = sender.send(event);
        });
        (source.expect("a thread"), events)
    }

    /// Waits for the next event that `pick` wants.
    fn wait<T>(events: &Receiver<AudioSourceEvent>, pick: impl Fn(AudioSourceEvent) -> Option<T>) -> T {
        loop {
            let event = events.recv_timeout(PATIENCE).expect("an event");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    }

    fn encoded(event: AudioSourceEvent) -> Option<Arc<EncodedAudio>> {
        match event {
            AudioSourceEvent::Encoded(packet) => Some(packet),
            AudioSourceEvent::Started | AudioSourceEvent::Failed(_) | AudioSourceEvent::Level(_) => None,
        }
    }

    #[test]
    fn the_tone_starts_meters_and_is_sent_at_its_pace() {
        let (source, events) = source();
        source.select(MicrophoneChoice::Tone);
        source.set_enabled(true);
        assert!(matches!(events.recv_timeout(PATIENCE), Ok(AudioSourceEvent::Started)));
        let level = wait(&events, |event| match event {
            AudioSourceEvent::Level(level) => Some(level),
            AudioSourceEvent::Encoded(_) => panic!("nobody wants packets yet"),
            AudioSourceEvent::Started | AudioSourceEvent::Failed(_) => None,
        });
        assert!((level - 0.251).abs() < 0.01, "{level}");
        source.set_sending(true);
        let first = wait(&events, encoded);
        for n in 1..10 {
            let packet = wait(&events, encoded);
            assert_eq!(packet.timestamp.wrapping_sub(first.timestamp), n * 960);
            assert_eq!(packet.captured - first.captured, Duration::from_millis(20) * n);
            assert_eq!(PacketInfo::parse(&packet.data).map(|info| info.samples), Some(960));
        }
    }

    #[test]
    fn nothing_is_sent_while_off_and_the_timestamp_goes_on() {
        let (source, events) = source();
        source.select(MicrophoneChoice::Tone);
        source.set_sending(true);
        source.set_enabled(true);
        let before = wait(&events, encoded);
        source.set_enabled(false);
        // A selection is answered in order, so what comes before its answer was sent before it was off.
        source.select(MicrophoneChoice::File("/nowhere.wav".into()));
        wait(&events, |event| matches!(event, AudioSourceEvent::Failed(_)).then_some(()));
        source.select(MicrophoneChoice::Tone);
        source.select(MicrophoneChoice::File("/nowhere.wav".into()));
        match events.recv_timeout(PATIENCE) {
            Ok(AudioSourceEvent::Failed(error)) => assert_eq!(error.code, DeviceErrorCode::File),
            other => panic!("{other:?} while the microphone was off"),
        }
        source.select(MicrophoneChoice::Tone);
        source.set_enabled(true);
        let after = wait(&events, encoded);
        let ticks = after.timestamp - before.timestamp;
        let time = (after.captured - before.captured).as_secs_f64() * 48_000.0;
        assert!((f64::from(ticks) - time).abs() < 960.0 * 2.0, "{ticks} ticks in {time}");
    }

    #[test]
    fn dropping_it_ends_its_worker() {
        let (source, events) = source();
        source.select(MicrophoneChoice::Tone);
        source.set_enabled(true);
        wait(&events, |event| matches!(event, AudioSourceEvent::Started).then_some(()));
        drop(source);
        while events.recv_timeout(PATIENCE).is_ok() {}
        assert!(matches!(events.try_recv(), Err(mpsc::TryRecvError::Disconnected)));
    }
}
