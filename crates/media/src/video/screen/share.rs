use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Instant;

use tracing::{debug, error, info};

use super::refresh::Refresh;
use super::{Grabber, ScreenError, open};
use crate::ScreenChoice;
use crate::video::fitting::FittingEncoder;
use crate::video::vp8::EncoderSettings;
use crate::video::{EncodedFrame, Frame, VideoTarget};

/// Commands that may wait for the thread.
const QUEUED_INPUTS: usize = 64;
/// A picture may take this share of the time at most, whatever its size; the frame rate pays for it.
const BUSY_SHARE: f64 = 0.6;

/// What a share tells. The callback runs on the share's thread and must not block.
#[derive(Debug, Clone)]
pub enum ScreenShareEvent {
    /// The screen is filmed.
    Started,
    Encoded(Arc<EncodedFrame>),
    /// It is not filmed, or no longer; nothing follows.
    Failed(ScreenError),
}

/// One screen or window that is shared: a thread that films it and owns its encoder. It ends when the handle is dropped.
#[derive(Debug)]
pub struct ScreenShare {
    inputs: SyncSender<Input>,
}

#[derive(Debug)]
enum Input {
    SetSending(bool),
    SetTarget(VideoTarget),
    RequestKeyFrame,
}

impl ScreenShare {
    /// Films the choice, at no more than the target's size and rate. Encodes nothing before it is told to send. Fails when
    /// no thread can be had.
    pub fn start(
        choice: ScreenChoice,
        target: VideoTarget,
        events: impl Fn(ScreenShareEvent) + Send + 'static,
    ) -> io::Result<Self> {
        Self::film(move || open(&choice), target, events)
    }

    fn film(
        open: impl FnOnce() -> Result<Box<dyn Grabber>, ScreenError> + Send + 'static,
        target: VideoTarget,
        events: impl Fn(ScreenShareEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let (inputs, received) = sync_channel(QUEUED_INPUTS);
        thread::Builder::new().name("screen-share".to_owned()).spawn(move || {
            let worker = Worker {
                events: &events,
                sending: false,
                encoder: FittingEncoder::new(EncoderSettings::screen(), target),
                last: None,
                refresh: Refresh::default(),
                key_frame_wanted: false,
            };
            if let Err(failure) = open().and_then(|grabber| worker.run(grabber, &received)) {
                info!(%failure, "the screen is no longer shared");
                events(ScreenShareEvent::Failed(failure));
            }
        })?;
        Ok(Self { inputs })
    }

    /// Whether pictures are encoded; the first one then is a key frame.
    pub fn set_sending(&self, sending: bool) {
        self.send(Input::SetSending(sending));
    }

    pub fn set_target(&self, target: VideoTarget) {
        self.send(Input::SetTarget(target));
    }

    /// Makes the next encoded picture a key frame, and soon, even if the screen is still.
    pub fn request_key_frame(&self) {
        self.send(Input::RequestKeyFrame);
    }

    fn send(&self, input: Input) {
        match self.inputs.try_send(input) {
            Ok(()) => {}
            Err(TrySendError::Full(input)) => {
                error!(?input, "the screen share does not keep up with commands")
            }
            Err(TrySendError::Disconnected(_)) => debug!("the screen share has ended"),
        }
    }
}

struct Worker<'a, E> {
    events: &'a E,
    sending: bool,
    encoder: FittingEncoder,
    last: Option<Frame>,
    refresh: Refresh,
    key_frame_wanted: bool,
}

impl<E: Fn(ScreenShareEvent)> Worker<'_, E> {
    fn run(mut self, mut grabber: Box<dyn Grabber>, inputs: &Receiver<Input>) -> Result<(), ScreenError> {
        let mut due = Instant::now();
        loop {
            match inputs.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(input) => self.on_input(input),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    let started = Instant::now();
                    self.on_tick(grabber.as_mut(), started)?;
                    let busy = started.elapsed().div_f64(BUSY_SHARE);
                    due = (due + self.encoder.target().frame_interval()).max(started + busy);
                }
            }
        }
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::SetSending(sending) => {
                self.sending = sending;
                self.key_frame_wanted |= sending;
                if !sending {
                    self.encoder.stop();
                }
            }
            Input::SetTarget(target) => self.encoder.set_target(target),
            Input::RequestKeyFrame => self.key_frame_wanted = true,
        }
    }

    fn on_tick(&mut self, grabber: &mut dyn Grabber, now: Instant) -> Result<(), ScreenError> {
        if let Some(frame) = grabber.grab(now)? {
            if self.last.is_none() {
                (self.events)(ScreenShareEvent::Started);
            }
            self.last = Some(frame);
            self.refresh.handle_change(now);
            self.send(now);
        } else if self.key_frame_wanted || self.refresh.is_due(now) {
            self.last = self.last.take().map(|frame| frame.at(now));
            self.send(now);
        }
        Ok(())
    }

    fn send(&mut self, now: Instant) {
        let Some(frame) = self.last.take() else { return };
        if self.sending {
            if self.key_frame_wanted {
                self.encoder.request_key_frame();
            }
            // One that was dropped to hold the bitrate is due all the same.
            if let Some(encoded) = self.encoder.encode(&frame) {
                if encoded.key {
                    self.key_frame_wanted = false;
                    // It is coarser than what was there.
                    self.refresh.handle_change(now);
                }
                self.refresh.handle_sent(now);
                (self.events)(ScreenShareEvent::Encoded(Arc::new(encoded)));
            }
        }
        self.last = Some(frame);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::video::Size;
    use crate::video::marker::Marker;
    use crate::video::screen::ScreenErrorCode;
    use crate::video::vp8::Decoder;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    struct Bench {
        share: ScreenShare,
        events: Receiver<ScreenShareEvent>,
    }

    impl Bench {
        fn new(open: impl FnOnce() -> Result<Box<dyn Grabber>, ScreenError> + Send + 'static) -> Self {
            let (sender, events) = mpsc::channel();
            let target =
                VideoTarget { bitrate_bps: 2_000_000, frames_per_second: 10, width: 1920, height: 1080 };
            let share = ScreenShare::film(open, target, move |event| drop(sender.send(event)));
            Self { share: share.expect("thread"), events }
        }

        fn event(&self) -> ScreenShareEvent {
            self.events.recv_timeout(PATIENCE).expect("an event comes")
        }

        fn encoded(&self) -> Arc<EncodedFrame> {
            loop {
                if let ScreenShareEvent::Encoded(frame) = self.event() {
                    return frame;
                }
            }
        }
    }

    /// A screen on which nothing happens after its first picture, or which goes after so many looks.
    struct Still {
        size: Size,
        looks: u32,
        gone_after: Option<u32>,
    }

    impl Grabber for Still {
        fn grab(&mut self, now: Instant) -> Result<Option<Frame>, ScreenError> {
            self.looks += 1;
            if self.gone_after.is_some_and(|looks| self.looks > looks) {
                return Err(ScreenError::new(ScreenErrorCode::Closed, "gone"));
            }
            Ok((self.looks == 1).then(|| Frame::black(self.size, now)))
        }
    }

    fn still(gone_after: Option<u32>) -> Result<Box<dyn Grabber>, ScreenError> {
        let size = Size::new(320, 180).expect("size");
        Ok(Box::new(Still { size, looks: 0, gone_after }))
    }

    #[test]
    fn a_screen_is_sent_at_its_full_size_and_can_be_read() {
        let bench = Bench::new(|| open(&ScreenChoice::Pattern));
        assert!(matches!(bench.event(), ScreenShareEvent::Started));
        bench.share.set_sending(true);
        let mut decoder = Decoder::new().expect("decoder");
        for index in 0..3 {
            let frame = bench.encoded();
            assert_eq!((frame.key, frame.width, frame.height), (index == 0, 1920, 1080));
            let picture = decoder.decode(&frame.data, Instant::now()).expect("decodes").expect("shown");
            assert!(Marker::read(&picture).is_some());
        }
        bench.share.set_target(VideoTarget { width: 1280, height: 720, ..VideoTarget::default() });
        let smaller = std::iter::repeat_with(|| bench.encoded()).find(|frame| frame.width < 1920);
        assert_eq!(smaller.map(|frame| (frame.key, frame.width, frame.height)), Some((true, 1280, 720)));
    }

    #[test]
    fn a_still_screen_is_sent_for_a_key_frame_all_the_same() {
        let bench = Bench::new(|| still(None));
        bench.share.set_sending(true);
        assert!(bench.encoded().key, "also if the picture was taken before it was wanted");
        bench.share.request_key_frame();
        let key = std::iter::repeat_with(|| bench.encoded()).take(5).find(|frame| frame.key);
        assert!(key.is_some());
    }

    #[test]
    fn a_screen_that_goes_ends_the_share() {
        let bench = Bench::new(|| still(Some(2)));
        assert!(matches!(bench.event(), ScreenShareEvent::Started));
        let ScreenShareEvent::Failed(error) = bench.event() else { panic!("nothing is sent") };
        assert_eq!(error.code, ScreenErrorCode::Closed);
        bench.share.request_key_frame();
    }

    #[test]
    fn dropping_the_handle_ends_the_thread() {
        let Bench { share, events } = Bench::new(|| still(None));
        events.recv_timeout(PATIENCE).expect("runs");
        drop(share);
        assert_eq!(events.recv_timeout(PATIENCE).err(), Some(RecvTimeoutError::Disconnected));
    }
}
