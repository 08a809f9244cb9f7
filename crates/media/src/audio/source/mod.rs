//! The microphone and the voice encoder, as their owner sees them.

mod worker;

use std::io;
use std::sync::Arc;

use super::handle::Handle;
use super::opus::AudioTarget;
use super::packetizer::{EncodedAudio, VoicePacketizer};
use super::voice::{RenderReceiver, VoiceSettings};
use crate::{DeviceError, MicrophoneChoice};
use worker::Worker;

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
    worker: Handle<Command>,
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
        let voice = VoicePacketizer::new(AudioTarget::default()).map_err(io::Error::other)?;
        let worker = Handle::spawn("audio capture", move |inbox| Worker::new(events, voice).run(inbox))?;
        Ok(Self { worker })
    }

    /// Changes the microphone. Answered by `Started` or `Failed`, except `none`.
    pub fn select(&self, choice: MicrophoneChoice) {
        self.worker.send(Command::Select(choice));
    }

    /// Switches the microphone on or off. While it is off, what it hears is thrown away unmeasured and unsent.
    pub fn set_enabled(&self, enabled: bool) {
        self.worker.send(Command::SetEnabled(enabled));
    }

    /// Whether somebody wants packets. Without, the level is still measured.
    pub fn set_sending(&self, sending: bool) {
        self.worker.send(Command::SetSending(sending));
    }

    pub fn set_encoder(&self, target: AudioTarget) {
        self.worker.send(Command::SetEncoder(target));
    }

    /// What is done to the voice of a device; nothing, to begin with. The tone and files are sent as they are.
    pub fn set_voice(&self, settings: VoiceSettings) {
        self.worker.send(Command::SetVoice(settings));
    }

    /// Where the echo canceller finds what is played.
    pub fn hear_echo(&self, rendered: RenderReceiver) {
        self.worker.send(Command::HearEcho(rendered));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};
    use std::time::Duration;

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
