//! The thread of the own video: opens what is chosen, notices when it stalls, and encodes what it delivers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tracing::warn;

use super::{Input, VideoSourceEvent};
use crate::video::busy::BusyMeter;
use crate::video::capture::{Capture, CaptureEvent, Finished, is_device};
use crate::video::fitting::FittingEncoder;
use crate::video::pacing::RateLimiter;
use crate::video::vp8::EncoderSettings;
use crate::video::{Frame, SourceFormat, VideoTarget};
use crate::{CameraChoice, DeviceError, DeviceErrorCode, DeviceKind};

/// How long a source may take to its first picture; on macOS the user is asked first.
const OPEN_TIMEOUT: Duration = Duration::from_secs(if cfg!(target_os = "macos") { 60 } else { 5 });

/// How long after a picture the next one may take until the source counts as stalled.
const STALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Owns the capture of the chosen source, and opens a camera anew when the network takes more than it delivers.
pub(super) struct Worker<E> {
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
    /// Enabled, not sending, with nothing chosen. Captures leave what they tell among the `inputs`.
    pub(super) fn new(events: E, inputs: SyncSender<Input>, closed: Arc<AtomicBool>) -> Self {
        Self {
            events,
            inputs,
            closed,
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
        }
    }

    pub(super) fn run(mut self, inputs: &Receiver<Input>) {
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
