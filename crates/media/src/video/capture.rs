//! The thread that a picture comes from: a camera, the test picture or a file.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::latest::Latest;
use super::pacing::Ticker;
use super::pattern::Pattern;
use super::y4m::{Y4mReader, file_error};
use super::{Frame, Size, SourceFormat, camera};
use crate::{CameraChoice, DeviceError, DeviceErrorCode, DeviceKind};

/// How long a camera that is being closed may keep the next one waiting.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);

/// A running capture. It is told to stop by dropping the handle, and its device is closed within a picture or so; a
/// thread that hangs in its driver is left behind.
pub(super) struct Capture {
    latest: Arc<Latest<Frame>>,
    frames_per_second: Arc<AtomicU32>,
    finished: Option<Finished>,
    _stop: SyncSender<Infallible>,
}

/// What a capture tells whoever started it.
#[derive(Debug)]
pub(super) enum CaptureEvent {
    /// The source is open in the first format, and could be in the second; pictures follow.
    Opened {
        format: SourceFormat,
        best: SourceFormat,
    },
    /// The slot of [`Capture::take`] is no longer empty.
    FrameReady,
    Failed(DeviceError),
}

/// Becomes disconnected when a capture's thread has closed its device.
pub(super) struct Finished(Receiver<Infallible>);

/// Tells a capture's thread to end.
pub(super) struct Stop(Receiver<Infallible>);

/// Where a capture's thread puts its pictures.
pub(super) struct Sink {
    latest: Arc<Latest<Frame>>,
    notify: Box<dyn Fn(CaptureEvent) + Send>,
}

impl Capture {
    /// Starts capturing, of a camera in the format nearest to the wanted one, after the camera that was open `before` is
    /// closed: it may be the same.
    pub(super) fn start(
        choice: CameraChoice,
        wanted: SourceFormat,
        before: Option<Finished>,
        notify: impl Fn(CaptureEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let latest = Arc::new(Latest::default());
        let frames_per_second = Arc::new(AtomicU32::new(wanted.frames_per_second));
        let (stop_handle, stop) = sync_channel(0);
        let (finish, finished) = sync_channel::<Infallible>(0);
        let finished = is_device(&choice).then_some(Finished(finished));
        let thread = Thread {
            choice,
            wanted,
            frames_per_second: Arc::clone(&frames_per_second),
            stop: Stop(stop),
            sink: Sink { latest: Arc::clone(&latest), notify: Box::new(notify) },
        };
        thread::Builder::new().name("video-capture".to_owned()).spawn(move || {
            if let Some(before) = before {
                before.wait();
            }
            thread.run();
            drop(finish);
        })?;
        Ok(Self { latest, frames_per_second, finished, _stop: stop_handle })
    }

    pub(super) fn take(&self) -> Option<Frame> {
        self.latest.take()
    }

    /// The rate at which the source is to deliver from now on, as far as it can.
    pub(super) fn set_frames_per_second(&self, frames_per_second: u32) {
        self.frames_per_second.store(frames_per_second, Ordering::Relaxed);
    }

    /// Tells the thread to end; of a device, returns the end.
    pub(super) fn stop(self) -> Option<Finished> {
        self.finished
    }
}

/// Whether it is a device that can only be open once.
pub(super) fn is_device(choice: &CameraChoice) -> bool {
    match choice {
        CameraChoice::Default | CameraChoice::Device(_) => true,
        CameraChoice::None | CameraChoice::Pattern | CameraChoice::File(_) => false,
    }
}

impl Finished {
    fn wait(&self) {
        let _still_running_or_done = self.0.recv_timeout(CLOSING_TIMEOUT);
    }
}

impl Stop {
    pub(super) fn requested(&self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Sleeps until then; returns whether the capture is to go on.
    fn sleep_until(&self, time: Instant) -> bool {
        self.0.recv_timeout(time.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Timeout)
    }
}

impl Sink {
    pub(super) fn opened(&self, format: SourceFormat, best: SourceFormat) {
        (self.notify)(CaptureEvent::Opened { format, best });
    }

    pub(super) fn deliver(&self, frame: Frame) {
        if self.latest.put(frame) {
            (self.notify)(CaptureEvent::FrameReady);
        }
    }
}

struct Thread {
    choice: CameraChoice,
    wanted: SourceFormat,
    frames_per_second: Arc<AtomicU32>,
    stop: Stop,
    sink: Sink,
}

impl Thread {
    fn run(&self) {
        // The camera backend panics on some failures of a driver.
        let result = catch_unwind(AssertUnwindSafe(|| self.capture()));
        let failed = match result {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panic) => {
                let message = format!("the camera backend failed: {}", panic_text(panic.as_ref()));
                DeviceError::new(DeviceKind::Camera, DeviceErrorCode::Failed, message)
            }
        };
        if !self.stop.requested() {
            (self.sink.notify)(CaptureEvent::Failed(failed));
        }
    }

    fn capture(&self) -> Result<(), DeviceError> {
        match &self.choice {
            CameraChoice::None => Ok(()),
            CameraChoice::Pattern => self.draw(),
            CameraChoice::File(path) => self.play(path),
            CameraChoice::Default | CameraChoice::Device(_) => {
                camera::run(&self.choice, self.wanted, &self.frames_per_second, &self.stop, &self.sink)
            }
        }
    }

    fn draw(&self) -> Result<(), DeviceError> {
        let format = SourceFormat::FIRST;
        let size = Size::new(format.width, format.height).map_err(|error| {
            DeviceError::new(DeviceKind::Camera, DeviceErrorCode::UnsupportedFormat, error.to_string())
        })?;
        self.sink.opened(format, format);
        let pattern = Pattern::new(size);
        let mut ticker = Ticker::new(Instant::now());
        let mut frame_number = 0_u32;
        while self.stop.sleep_until(ticker.next()) {
            let now = Instant::now();
            self.sink.deliver(pattern.render(frame_number, now, SystemTime::now()));
            frame_number = frame_number.wrapping_add(1);
            let frames_per_second = self.frames_per_second.load(Ordering::Relaxed).max(1);
            ticker.advance(now, Duration::from_secs(1) / frames_per_second);
        }
        Ok(())
    }

    fn play(&self, path: &Path) -> Result<(), DeviceError> {
        let mut reader = Y4mReader::open(path)?;
        let interval = reader.interval();
        let format = SourceFormat {
            width: reader.size().width(),
            height: reader.size().height(),
            frames_per_second: (1.0 / interval.as_secs_f64()).round() as u32,
        };
        self.sink.opened(format, format);
        let mut ticker = Ticker::new(Instant::now());
        while self.stop.sleep_until(ticker.next()) {
            let now = Instant::now();
            self.sink.deliver(reader.read(now).map_err(|error| file_error(path, &error))?);
            ticker.advance(now, interval);
        }
        Ok(())
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}
