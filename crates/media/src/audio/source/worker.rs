//! The thread of the own voice: from a device's ring, or from what stands in for one, to packets.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use super::{AudioSourceEvent, Command};
use crate::audio::Block;
use crate::audio::handle::next_command;
use crate::audio::hardware::{Closing, MicrophoneEnd, OwnedDevice, Report, open_microphone};
use crate::audio::level::LevelMeter;
use crate::audio::microphone::{OpenMicrophone, Reading};
use crate::audio::opus::OpusError;
use crate::audio::pace::Pacer;
use crate::audio::packetizer::VoicePacketizer;
use crate::audio::synthetic::{Pips, Synthetic, Tone};
use crate::audio::voice::{RenderReceiver, VoiceProcessor, VoiceSettings};
use crate::audio::wav::WavLoop;
use crate::{DeviceError, MicrophoneChoice};

/// How often the worker looks at the ring of a device.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

pub(super) struct Worker<E> {
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
    pub(super) fn new(events: E, voice: VoicePacketizer) -> Self {
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

    pub(super) fn run(mut self, inbox: &Receiver<Command>) {
        loop {
            let outcome = match next_command(inbox, self.next_wake()) {
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
