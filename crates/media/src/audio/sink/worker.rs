//! The thread of the speaker: from the packets of all streams to a device's ring, or to what stands in for one.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::stream::{AudioStreamId, Incoming};
use super::{AudioSinkEvent, Command};
use crate::audio::Block;
use crate::audio::handle::next_command;
use crate::audio::hardware::{Closing, OwnedDevice, Report, SpeakerEnd, open_speaker};
use crate::audio::mixer::Mixer;
use crate::audio::pace::Pacer;
use crate::audio::speaker::OpenSpeaker;
use crate::audio::voice::RenderSender;
use crate::audio::wav::WavRecorder;
use crate::{DeviceError, SpeakerChoice};

/// How often the worker looks at the ring of a device.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Blocks mixed in one go, however much a device asks for: a second.
const MAX_BLOCKS_AT_ONCE: usize = 100;

/// Blocks between two publications of the streams' levels and statistics: 100 ms.
const BLOCKS_PER_STATS: u64 = 10;

pub(super) struct Worker<E> {
    events: E,
    mixer: Mixer<AudioStreamId>,
    streams: Vec<Incoming>,
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
    pub(super) fn new(events: E, now: Instant) -> Self {
        Self {
            events,
            mixer: Mixer::default(),
            streams: Vec::new(),
            output: Output::Clock { pacer: Pacer::new(now), recorder: None },
            echo: None,
            blocks: 0,
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Command>) {
        loop {
            let outcome = match next_command(inbox, self.next_wake()) {
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
                if let Err(error) = self.mixer.add(stream.id()) {
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
        self.streams.retain_mut(|stream| stream.receive(mixer));
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
            let Some(buffer) = self.mixer.stats(stream.id()) else { continue };
            if stream.is_first_audio(&buffer) {
                (self.events)(AudioSinkEvent::FirstAudio(stream.id()));
            }
            if self.blocks.is_multiple_of(BLOCKS_PER_STATS) {
                stream.publish(now, buffer, output_delay, underruns);
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
