use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use cpal::Host;

use super::host::{Moment, device_error, is_fatal, is_present, moves_streams};
use crate::{DeviceError, DeviceErrorCode, DeviceKind};

/// How often the list of devices is watched, where that is needed.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How long a device waits for the one before it to close, which may be the same one.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the thread of a device says.
pub(crate) enum Report<T> {
    /// It runs; this is the worker's end of it.
    Opened(T),
    /// It does not, or no longer. The last report.
    Failed(DeviceError),
}

/// A device that is opened, watched and closed on a thread of its own. Dropping it closes the device, without waiting.
pub(crate) struct OwnedDevice<T> {
    reports: Receiver<Report<T>>,
    closer: Closer,
    closed: Receiver<()>,
}

/// Tells the thread to close its device when it is dropped.
struct Closer(Sender<Signal>);

impl Drop for Closer {
    fn drop(&mut self) {
        let _ = self.0.send(Signal::Close);
    }
}

/// A device on its way to be closed.
pub(crate) struct Closing {
    closed: Receiver<()>,
}

/// What an opening function hands to the thread: the stream, what it is, and the worker's end.
pub(super) struct Running<T> {
    pub(super) stream: cpal::Stream,
    pub(super) id: Option<cpal::DeviceId>,
    pub(super) end: T,
}

enum Signal {
    Close,
    Error(cpal::Error),
}

/// Passes the first fatal error of a stream to the thread that owns it, and is silent from then on: a stream whose
/// server died may call hundreds of thousands of times a second.
pub(super) struct ErrorSignal(Option<Sender<Signal>>);

impl ErrorSignal {
    pub(super) fn on_error(&mut self, error: cpal::Error) {
        if is_fatal(&error)
            && let Some(signals) = self.0.take()
        {
            // A thread that has ended has no use for it.
            let _ = signals.send(Signal::Error(error));
        }
    }
}

/// Opens a device. `open` runs on the new thread, after the device before has closed, and may be called again with
/// nothing kept from a failed first try.
pub(super) fn spawn<T: Send + 'static>(
    kind: DeviceKind,
    previous: Option<Closing>,
    open: impl FnOnce(&Host, &dyn Fn() -> ErrorSignal) -> Result<Running<T>, DeviceError> + Send + 'static,
) -> OwnedDevice<T> {
    let (report, reports) = mpsc::channel();
    let (signals, inbox) = mpsc::channel();
    let (closed_guard, closed) = mpsc::channel::<()>();
    let (own_signals, own_report) = (signals.clone(), report.clone());
    let run = move || {
        // Dropped last, when the stream is closed.
        let _closed = closed_guard;
        if let Some(previous) = previous {
            let _ = previous.closed.recv_timeout(CLOSE_TIMEOUT);
        }
        if let Err(error) = own(kind, open, &own_signals, inbox, &own_report) {
            tracing::debug!(%kind, %error, "device failed");
            let _ = own_report.send(Report::Failed(error));
        }
    };
    if let Err(error) = thread::Builder::new().name(format!("{kind} device")).spawn(run) {
        let failed = DeviceError::new(kind, DeviceErrorCode::Failed, error.to_string());
        let _ = report.send(Report::Failed(failed));
    }
    OwnedDevice { reports, closer: Closer(signals), closed }
}

/// The life of a device: gives `Ok` when it was closed as asked.
fn own<T>(
    kind: DeviceKind,
    open: impl FnOnce(&Host, &dyn Fn() -> ErrorSignal) -> Result<Running<T>, DeviceError>,
    signals: &Sender<Signal>,
    inbox: Receiver<Signal>,
    report: &Sender<Report<T>>,
) -> Result<(), DeviceError> {
    let host = cpal::default_host();
    let Running { stream, id, end } = open(&host, &|| ErrorSignal(Some(signals.clone())))?;
    tracing::debug!(%kind, host = host.id().name(), "device opened");
    if report.send(Report::Opened(end)).is_err() {
        return Ok(());
    }
    let watched = id.filter(|_| moves_streams(&host));
    let outcome = loop {
        match inbox.recv_timeout(WATCH_INTERVAL) {
            Ok(Signal::Close) | Err(RecvTimeoutError::Disconnected) => break Ok(()),
            Ok(Signal::Error(error)) => break Err(device_error(kind, &error, Moment::Running)),
            Err(RecvTimeoutError::Timeout) => {
                if watched.as_ref().is_some_and(|id| !is_present(&host, id)) {
                    break Err(DeviceError::new(
                        kind,
                        DeviceErrorCode::Lost,
                        format!("the {kind} was removed"),
                    ));
                }
            }
        }
    };
    drop(stream);
    outcome
}

impl<T> OwnedDevice<T> {
    /// The next report, if there is one.
    pub(crate) fn poll_report(&self) -> Option<Report<T>> {
        self.reports.try_recv().ok()
    }

    /// Closes it, without waiting.
    pub(crate) fn close(self) -> Closing {
        let Self { closer, closed, .. } = self;
        drop(closer);
        Closing { closed }
    }
}
