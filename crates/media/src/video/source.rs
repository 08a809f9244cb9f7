use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::busy::BusyMeter;
use super::capture::{Capture, CaptureEvent, Finished, is_device};
use super::fitting::FittingEncoder;
use super::pacing::RateLimiter;
use super::vp8::EncoderSettings;
use super::{EncodedFrame, Frame, SourceFormat, VideoTarget};
use crate::{CameraChoice, DeviceError, DeviceErrorCode, DeviceKind};

/// Commands and notices that may wait for the thread.
const QUEUED_INPUTS: usize = 64;

/// How long a source may take to its first picture; on macOS the user is asked first.
const OPEN_TIMEOUT: Duration = Duration::from_secs(if cfg!(target_os = "macos") { 60 } else { 5 });

/// How long after a picture the next one may take until the source counts as stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(2);

/// What the own video tells. The callback runs on the source's thread and must not block.
#[derive(Debug, Clone)]
pub enum VideoSourceEvent {
    /// The chosen source delivers.
    Started,
    /// It does not, or no longer. It is closed; selecting or enabling it again is a new try.
    Failed(DeviceError),
    /// The best that the source can give, whatever it gives now.
    Limits(SourceFormat),
    /// Every picture, as it was taken.
    Preview(Arc<Frame>),
    Encoded(Arc<EncodedFrame>),
    /// Which share of the last second was spent on encoding, 0 to 1.
    Busy(f64),
}

/// The own video: a thread that owns the capture of the chosen source and its one encoder. It ends, and the device is
/// closed, when the handle is dropped.
#[derive(Debug)]
pub struct VideoSource {
    inputs: SyncSender<Input>,
    closed: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Input {
    Select(CameraChoice),
    SetEnabled(bool),
    SetSending(bool),
    SetTarget(VideoTarget),
    RequestKeyFrame,
    /// From the capture of this generation; those of earlier ones are void.
    Capture(u64, CaptureEvent),
    Close,
}

impl VideoSource {
    /// A source that is enabled, does not send, and has nothing chosen yet. Fails when no thread can be had.
    pub fn spawn(events: impl Fn(VideoSourceEvent) + Send + Sync + 'static) -> io::Result<Self> {
        let (inputs, received) = sync_channel(QUEUED_INPUTS);
        let closed = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            events,
            inputs: inputs.clone(),
            closed: Arc::clone(&closed),
            choice: CameraChoice::None,
            enabled: true,
            sending: false,
            quality: Quality::First,
            capturing: None,
            generation: 0,
            closing: None,
            encoder: FittingEncoder::new(EncoderSettings::default(), VideoTarget::default()),
            limiter: RateLimiter::default(),
            busy: BusyMeter::default(),
        };
        thread::Builder::new().name("video-source".to_owned()).spawn(move || worker.run(&received))?;
        Ok(Self { inputs, closed })
    }

    /// Takes the picture from there from now on.
    pub fn select(&self, choice: CameraChoice) {
        self.send(Input::Select(choice));
    }

    /// Opens or closes the chosen source. A closed camera's light is off.
    pub fn set_enabled(&self, enabled: bool) {
        self.send(Input::SetEnabled(enabled));
    }

    /// Whether pictures are encoded; the first one then is a key frame. Previews come anyway.
    pub fn set_sending(&self, sending: bool) {
        self.send(Input::SetSending(sending));
    }

    pub fn set_target(&self, target: VideoTarget) {
        self.send(Input::SetTarget(target));
    }

    /// Makes the next encoded picture a key frame.
    pub fn request_key_frame(&self) {
        self.send(Input::RequestKeyFrame);
    }

    fn send(&self, input: Input) {
        match self.inputs.try_send(input) {
            Ok(()) => {}
            Err(TrySendError::Full(input)) => {
                error!(?input, "the video source does not keep up with commands")
            }
            Err(TrySendError::Disconnected(_)) => error!("the video source has ended"),
        }
    }
}

impl Drop for VideoSource {
    fn drop(&mut self) {
        // The thread holds a sender for its captures, so hanging up alone would not end it. If the queue is full, what
        // is in it wakes the thread.
        self.closed.store(true, Ordering::Relaxed);
        let _full_or_ended = self.inputs.try_send(Input::Close);
    }
}

struct Worker<E> {
    events: E,
    inputs: SyncSender<Input>,
    closed: Arc<AtomicBool>,
    choice: CameraChoice,
    enabled: bool,
    sending: bool,
    quality: Quality,
    capturing: Option<Capturing>,
    generation: u64,
    /// The last camera that was stopped; it may not be closed yet.
    closing: Option<Finished>,
    encoder: FittingEncoder,
    limiter: RateLimiter,
    busy: BusyMeter,
}

/// How a camera is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quality {
    First,
    /// The network takes more than the first format has.
    Best,
    /// The first, since the best one was tried in vain.
    Only,
}

struct Capturing {
    capture: Capture,
    progress: Progress,
    /// When it counts as stalled.
    deadline: Instant,
    /// What it is open in, and what it could be.
    formats: Option<(SourceFormat, SourceFormat)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Opening,
    /// In place of one that was running: nobody is to notice.
    Reopening,
    Running,
}

impl<E: Fn(VideoSourceEvent)> Worker<E> {
    fn run(mut self, inputs: &Receiver<Input>) {
        loop {
            let input = match &self.capturing {
                None => inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(Capturing { deadline, .. }) => {
                    inputs.recv_timeout(deadline.saturating_duration_since(Instant::now()))
                }
            };
            match input {
                Ok(input) => self.on_input(input),
                Err(RecvTimeoutError::Timeout) => self.on_stall(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.closed.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    fn on_input(&mut self, input: Input) {
        match input {
            Input::Select(choice) => {
                self.choice = choice;
                self.quality = Quality::First;
                self.restart_capture(Progress::Opening);
            }
            Input::SetEnabled(enabled) => {
                let retry = enabled && self.capturing.is_none();
                if self.enabled != enabled || retry {
                    self.enabled = enabled;
                    self.restart_capture(Progress::Opening);
                }
            }
            Input::SetSending(sending) => {
                self.sending = sending;
                if !sending {
                    self.encoder.stop();
                }
            }
            Input::SetTarget(target) => self.on_target(target),
            Input::RequestKeyFrame => self.encoder.request_key_frame(),
            Input::Capture(generation, event) if generation == self.generation => match event {
                CaptureEvent::Opened { format, best } => self.on_opened(format, best),
                CaptureEvent::FrameReady => self.on_frame_ready(),
                CaptureEvent::Failed(error) => self.fail(error),
            },
            Input::Capture(..) | Input::Close => {}
        }
    }

    fn restart_capture(&mut self, progress: Progress) {
        self.stop_capture();
        if !self.enabled || self.choice == CameraChoice::None {
            return;
        }
        self.limiter = RateLimiter::default();
        let (generation, inputs) = (self.generation, self.inputs.clone());
        // May wait for room in the queue: this thread never waits for a capture.
        let notify = move |event| {
            let _source_has_ended = inputs.send(Input::Capture(generation, event));
        };
        let before = if is_device(&self.choice) { self.closing.take() } else { None };
        let wanted = match self.quality {
            Quality::First | Quality::Only => SourceFormat::FIRST,
            Quality::Best => SourceFormat::BEST,
        };
        match Capture::start(self.choice.clone(), wanted, before, notify) {
            Ok(capture) => {
                capture.set_frames_per_second(self.capture_rate());
                let deadline = Instant::now() + OPEN_TIMEOUT;
                self.capturing = Some(Capturing { capture, progress, deadline, formats: None });
            }
            Err(error) => {
                self.fail(DeviceError::new(DeviceKind::Camera, DeviceErrorCode::Failed, error.to_string()));
            }
        }
    }

    fn stop_capture(&mut self) {
        self.generation += 1;
        if let Some(capturing) = self.capturing.take() {
            self.closing = capturing.capture.stop().or(self.closing.take());
        }
    }

    /// A camera shows the own picture at its first rate at least, whatever the network takes.
    fn capture_rate(&self) -> u32 {
        let least = if is_device(&self.choice) { SourceFormat::FIRST.frames_per_second } else { 1 };
        self.encoder.target().frames_per_second.max(least)
    }

    fn on_opened(&mut self, format: SourceFormat, best: SourceFormat) {
        let best = if self.quality == Quality::Only { format } else { best };
        if let Some(capturing) = &mut self.capturing {
            capturing.formats = Some((format, best));
        }
        (self.events)(VideoSourceEvent::Limits(best));
        self.reopen_if_short();
    }

    /// Opens a camera anew when the network takes more than it delivers now.
    fn reopen_if_short(&mut self) {
        let Some(Capturing { formats: Some((format, best)), progress, .. }) = self.capturing else { return };
        if self.quality == Quality::First && best.has_more_for(self.encoder.target(), format) {
            self.quality = Quality::Best;
            self.restart_capture(match progress {
                Progress::Opening => Progress::Opening,
                Progress::Reopening | Progress::Running => Progress::Reopening,
            });
        }
    }

    fn on_target(&mut self, target: VideoTarget) {
        self.encoder.set_target(target);
        let rate = self.capture_rate();
        if let Some(capturing) = &self.capturing {
            capturing.capture.set_frames_per_second(rate);
        }
        self.reopen_if_short();
    }

    fn on_stall(&mut self) {
        let message = "no picture came for too long";
        self.fail(DeviceError::new(DeviceKind::Camera, DeviceErrorCode::Stalled, message));
    }

    fn fail(&mut self, error: DeviceError) {
        warn!(%error, "the video source failed");
        if let Some(Capturing { progress, .. }) = self.capturing
            && progress != Progress::Running
            && self.quality == Quality::Best
        {
            self.quality = Quality::Only;
            return self.restart_capture(progress);
        }
        self.stop_capture();
        (self.events)(VideoSourceEvent::Failed(error));
    }

    fn on_frame_ready(&mut self) {
        let Some(capturing) = &mut self.capturing else { return };
        let Some(frame) = capturing.capture.take() else { return };
        capturing.deadline = Instant::now() + STALL_TIMEOUT;
        if std::mem::replace(&mut capturing.progress, Progress::Running) == Progress::Opening {
            (self.events)(VideoSourceEvent::Started);
        }
        let frame = Arc::new(frame);
        if self.sending && self.limiter.accept(frame.captured(), self.encoder.target().frame_interval()) {
            self.encode(&frame);
        }
        (self.events)(VideoSourceEvent::Preview(frame));
    }

    fn encode(&mut self, frame: &Frame) {
        let began = Instant::now();
        let encoded = self.encoder.encode(frame);
        let busy = self.busy.handle_work(began, Instant::now());
        if let Some(encoded) = encoded {
            (self.events)(VideoSourceEvent::Encoded(Arc::new(encoded)));
        }
        if let Some(busy) = busy {
            (self.events)(VideoSourceEvent::Busy(busy));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::path::PathBuf;
    use std::sync::mpsc;

    use super::*;
    use crate::video::Size;
    use crate::video::marker::Marker;
    use crate::video::vp8::Decoder;
    use crate::video::y4m::Y4mWriter;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    struct Bench {
        source: VideoSource,
        events: Receiver<VideoSourceEvent>,
    }

    impl Bench {
        fn new() -> Self {
            let (sender, events) = mpsc::channel();
            let source = VideoSource::spawn(move |event| drop(sender.send(event))).expect("thread");
            Self { source, events }
        }

        /// The first event from now on that the filter takes.
        fn wait<T: Debug>(&self, filter: impl Fn(VideoSourceEvent) -> Option<T>) -> T {
            std::iter::from_fn(|| self.events.recv_timeout(PATIENCE).ok())
                .find_map(filter)
                .expect("the event comes")
        }

        fn started(&self) {
            self.wait(|event| matches!(event, VideoSourceEvent::Started).then_some(()));
        }

        fn failed(&self) -> DeviceErrorCode {
            self.wait(
                |event| if let VideoSourceEvent::Failed(error) = event { Some(error.code) } else { None },
            )
        }

        fn preview(&self) -> Arc<Frame> {
            self.wait(|event| if let VideoSourceEvent::Preview(frame) = event { Some(frame) } else { None })
        }

        fn encoded(&self) -> Arc<EncodedFrame> {
            self.wait(|event| if let VideoSourceEvent::Encoded(frame) = event { Some(frame) } else { None })
        }
    }

    fn frame_number(frame: &Frame) -> u32 {
        Marker::read(frame).expect("a marker").frame_number
    }

    #[test]
    fn the_pattern_is_shown_and_sent() {
        let bench = Bench::new();
        bench.source.set_sending(true);
        bench.source.select(CameraChoice::Pattern);
        bench.started();
        let mut decoder = Decoder::new().expect("decoder");
        let mut last = None;
        for index in 0..5 {
            let encoded = bench.encoded();
            assert_eq!(encoded.key, index == 0);
            let decoded = decoder.decode(&encoded.data, Instant::now()).expect("decodes").expect("shown");
            let preview = bench.preview();
            assert_eq!(frame_number(&decoded), frame_number(&preview), "the preview follows its encoding");
            assert!(last < Some(frame_number(&preview)));
            last = Some(frame_number(&preview));
        }
    }

    #[test]
    fn nothing_is_encoded_until_it_is_wanted() {
        let bench = Bench::new();
        bench.source.select(CameraChoice::Pattern);
        for _ in 0..5 {
            let event = bench.events.recv_timeout(PATIENCE).expect("an event");
            assert!(!matches!(event, VideoSourceEvent::Encoded(_)));
        }
        bench.source.set_sending(true);
        assert!(bench.encoded().key);
        assert!(!bench.encoded().key);
        bench.source.request_key_frame();
        let key = bench.wait(|event| match event {
            VideoSourceEvent::Encoded(frame) if frame.key => Some(frame),
            VideoSourceEvent::Encoded(_)
            | VideoSourceEvent::Preview(_)
            | VideoSourceEvent::Limits(_)
            | VideoSourceEvent::Busy(_)
            | VideoSourceEvent::Started
            | VideoSourceEvent::Failed(_) => None,
        });
        assert_eq!((key.width, key.height), (640, 360));
    }

    #[test]
    fn the_size_follows_the_target_and_the_preview_does_not() {
        let bench = Bench::new();
        bench.source.set_sending(true);
        bench.source.set_target(VideoTarget { width: 320, height: 320, ..VideoTarget::default() });
        bench.source.select(CameraChoice::Pattern);
        let encoded = bench.encoded();
        assert_eq!((encoded.width, encoded.height), (320, 180));
        assert_eq!(bench.preview().size(), Size::new(640, 360).expect("size"));
    }

    #[test]
    fn switching_off_closes_and_switching_on_starts_anew() {
        let bench = Bench::new();
        bench.source.select(CameraChoice::Pattern);
        bench.started();
        while frame_number(&bench.preview()) < 3 {}
        bench.source.set_enabled(false);
        bench.source.set_enabled(true);
        bench.started();
        assert!(frame_number(&bench.preview()) < 3);
    }

    #[test]
    fn a_file_is_played_over_and_over() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("clip.y4m");
        let mut writer = Y4mWriter::create(&path, 120, None).expect("creates");
        for luma in [60, 120, 180] {
            let mut frame = Frame::black(Size::new(64, 36).expect("size"), Instant::now());
            frame.planes_mut()[0].fill(luma);
            writer.write(&Arc::new(frame)).expect("writes");
        }
        writer.flush().expect("writes");

        let bench = Bench::new();
        bench.source.select(CameraChoice::File(path));
        let mut seen = Vec::new();
        while seen.len() < 5 || !seen[3..].contains(&60) {
            seen.push(bench.preview().data()[0]);
        }
        assert!(seen.iter().all(|luma| [60, 120, 180].contains(luma)));
    }

    #[test]
    fn what_is_missing_fails_and_another_choice_recovers() {
        let bench = Bench::new();
        bench.source.select(CameraChoice::File(PathBuf::from("/nonexistent/clip.y4m")));
        assert_eq!(bench.failed(), DeviceErrorCode::File);
        bench.source.select(CameraChoice::Device("no such camera".to_owned()));
        assert_eq!(bench.failed(), DeviceErrorCode::NotFound);
        bench.source.set_enabled(true);
        assert_eq!(bench.failed(), DeviceErrorCode::NotFound, "enabling is a new try");
        bench.source.select(CameraChoice::Pattern);
        bench.started();
    }

    #[cfg(unix)]
    #[test]
    fn a_source_that_hangs_is_reported_and_left_behind() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("never-written.y4m");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(made.success());
        let bench = Bench::new();
        bench.source.select(CameraChoice::File(path));
        assert_eq!(bench.failed(), DeviceErrorCode::Stalled);
        bench.source.select(CameraChoice::Pattern);
        bench.started();
    }

    #[test]
    fn dropping_the_handle_ends_everything() {
        let Bench { source, events } = Bench::new();
        source.select(CameraChoice::Pattern);
        events.recv_timeout(PATIENCE).expect("runs");
        drop(source);
        let end = std::iter::repeat_with(|| events.recv_timeout(PATIENCE)).find_map(Result::err);
        assert_eq!(end, Some(RecvTimeoutError::Disconnected));
    }
}
