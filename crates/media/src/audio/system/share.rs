use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{debug, error, warn};

use super::gather::Gatherer;
use super::packetizer::{EncodedSound, SoundPacketizer};
use super::{Recorder, platform};
use crate::audio::SAMPLE_RATE;
use crate::audio::opus::OpusError;
use crate::audio::pace::Pacer;

/// Commands that may wait for the thread.
const QUEUED_INPUTS: usize = 64;
/// How long a sound server that is gone is left alone before it is looked for again.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// What a share of the sound tells. The callback runs on its thread and must not block.
#[derive(Debug, Clone)]
pub enum SystemSoundEvent {
    /// What is played is listened to; again, if it had failed.
    Started,
    /// It is not, or no longer, for this reason; it is tried again until the handle is dropped.
    Failed(String),
    /// A packet to send.
    Encoded(Arc<EncodedSound>),
}

/// The sound of this computer while it is shared: a thread that listens and owns its encoder. It ends when the handle is
/// dropped.
#[derive(Debug)]
pub struct SystemSound {
    inputs: SyncSender<Input>,
}

#[derive(Debug)]
enum Input {
    SetSending(bool),
    SetBitrate(u32),
}

impl SystemSound {
    /// Listens. Encodes nothing before it is told to send, and at which bitrate; timestamps count from `epoch`. Fails when
    /// no thread or no encoder can be had.
    pub fn start(epoch: Instant, events: impl Fn(SystemSoundEvent) + Send + 'static) -> io::Result<Self> {
        Self::listen(platform::open, epoch, events)
    }

    fn listen(
        open: impl Fn() -> io::Result<Box<dyn Recorder>> + Send + 'static,
        epoch: Instant,
        events: impl Fn(SystemSoundEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let packetizer = SoundPacketizer::new(epoch).map_err(io::Error::other)?;
        let (inputs, received) = sync_channel(QUEUED_INPUTS);
        thread::Builder::new().name("system sound".to_owned()).spawn(move || {
            Worker { events, packetizer, bitrate_bps: 0, sending: false }.run(open, &received);
        })?;
        Ok(Self { inputs })
    }

    /// Whether somebody wants packets.
    pub fn set_sending(&self, sending: bool) {
        self.send(Input::SetSending(sending));
    }

    /// In bit/s, of Opus alone; 0 is nothing at all.
    pub fn set_bitrate(&self, bitrate_bps: u32) {
        self.send(Input::SetBitrate(bitrate_bps));
    }

    fn send(&self, input: Input) {
        match self.inputs.try_send(input) {
            Ok(()) => {}
            Err(TrySendError::Full(input)) => {
                error!(?input, "the system's sound does not keep up with commands")
            }
            Err(TrySendError::Disconnected(_)) => debug!("the system's sound has ended"),
        }
    }
}

struct Worker<E> {
    events: E,
    packetizer: SoundPacketizer,
    bitrate_bps: u32,
    sending: bool,
}

/// Why nothing is recorded.
enum End {
    /// The handle was dropped.
    Dropped,
    Failed(io::Error),
}

impl<E: Fn(SystemSoundEvent)> Worker<E> {
    fn run(mut self, open: impl Fn() -> io::Result<Box<dyn Recorder>>, inputs: &Receiver<Input>) {
        let mut is_told = false;
        loop {
            let end = match open() {
                Ok(mut recorder) => {
                    is_told = false;
                    (self.events)(SystemSoundEvent::Started);
                    self.record(recorder.as_mut(), inputs)
                }
                Err(error) => End::Failed(error),
            };
            let End::Failed(error) = end else { return };
            if !std::mem::replace(&mut is_told, true) {
                warn!(%error, "the system's sound is not heard");
                (self.events)(SystemSoundEvent::Failed(error.to_string()));
            }
            self.encode(|packetizer| packetizer.interrupt());
            if self.wait(inputs, Instant::now() + RETRY_INTERVAL).is_err() {
                return;
            }
        }
    }

    /// Sends what is played until one side ends.
    fn record(&mut self, recorder: &mut dyn Recorder, inputs: &Receiver<Input>) -> End {
        let mut gatherer = Gatherer::default();
        let mut pacer = Pacer::new(Instant::now());
        let delay = Duration::from_secs(1) * Gatherer::DELAY as u32 / SAMPLE_RATE;
        loop {
            if let Err(error) = recorder.record_until(pacer.deadline(), &mut gatherer) {
                return End::Failed(error);
            }
            loop {
                match inputs.try_recv() {
                    Ok(input) => self.on_input(&input),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return End::Dropped,
                }
            }
            while let Some(due) = pacer.poll(Instant::now()) {
                let block = gatherer.pull();
                let captured = due.checked_sub(delay).unwrap_or(due);
                let packet = self.encode(|packetizer| packetizer.handle_block(captured, &block));
                if let Some(packet) = packet.flatten() {
                    (self.events)(SystemSoundEvent::Encoded(packet));
                }
            }
        }
    }

    /// Takes commands until then.
    fn wait(&mut self, inputs: &Receiver<Input>, until: Instant) -> Result<(), RecvTimeoutError> {
        loop {
            match inputs.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(input) => self.on_input(&input),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(error @ RecvTimeoutError::Disconnected) => return Err(error),
            }
        }
    }

    fn on_input(&mut self, input: &Input) {
        match *input {
            Input::SetSending(sending) => self.sending = sending,
            Input::SetBitrate(bitrate_bps) => self.bitrate_bps = bitrate_bps,
        }
        let bitrate_bps = if self.sending { self.bitrate_bps } else { 0 };
        self.encode(|packetizer| packetizer.set_bitrate(bitrate_bps));
    }

    fn encode<T>(
        &mut self,
        operation: impl FnOnce(&mut SoundPacketizer) -> Result<T, OpusError>,
    ) -> Option<T> {
        operation(&mut self.packetizer)
            .inspect_err(|error| warn!(%error, "the system's sound was not encoded"))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;
    use crate::audio::BLOCK_SAMPLES;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Plays noise until its time is over.
    struct Radio {
        blocks: u32,
    }

    impl Recorder for Radio {
        fn record_until(&mut self, deadline: Instant, gatherer: &mut Gatherer) -> io::Result<()> {
            self.blocks = self.blocks.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
            thread::sleep(deadline.saturating_duration_since(Instant::now()));
            gatherer.add(1);
            gatherer.push(1, (0..4 * BLOCK_SAMPLES).map(|n| if n % 3 == 0 { 0.3 } else { -0.2 }));
            Ok(())
        }
    }

    fn listen(tries: Vec<io::Result<Box<dyn Recorder + Send>>>) -> (SystemSound, Receiver<SystemSoundEvent>) {
        let (sender, events) = mpsc::channel();
        let tries = Mutex::new(VecDeque::from(tries));
        let open = move || -> io::Result<Box<dyn Recorder>> {
            match tries.lock().expect("one thread").pop_front() {
                Some(opened) => opened.map(|recorder| recorder as Box<dyn Recorder>),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        };
        let sound = SystemSound::listen(open, Instant::now(), move |event| drop(sender.send(event)));
        (sound.expect("a thread"), events)
    }

    #[test]
    fn it_is_sent_while_it_is_wanted_and_ends_with_its_handle() {
        let (sound, events) = listen(vec![Ok(Box::new(Radio { blocks: u32::MAX }))]);
        assert!(matches!(events.recv_timeout(PATIENCE), Ok(SystemSoundEvent::Started)));
        sound.set_bitrate(64_000);
        sound.set_sending(true);
        let next = || match events.recv_timeout(PATIENCE) {
            Ok(SystemSoundEvent::Encoded(packet)) => packet,
            other => panic!("{other:?} instead of a packet"),
        };
        let (first, second) = (next(), next());
        assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 960);
        drop(sound);
        while let Ok(event) = events.recv_timeout(PATIENCE) {
            assert!(matches!(event, SystemSoundEvent::Encoded(_)), "{event:?}");
        }
    }

    #[test]
    fn a_server_that_goes_is_told_once_and_looked_for_again() {
        let failing = || Err(io::ErrorKind::NotFound.into());
        let (_sound, events) =
            listen(vec![Ok(Box::new(Radio { blocks: 2 })), failing(), Ok(Box::new(Radio { blocks: 1 }))]);
        let next = || events.recv_timeout(PATIENCE).expect("an event");
        assert!(matches!(next(), SystemSoundEvent::Started));
        assert!(matches!(next(), SystemSoundEvent::Failed(_)));
        assert!(matches!(next(), SystemSoundEvent::Started));
    }
}
