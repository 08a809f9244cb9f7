//! The own video, as its owner sees it.

#[cfg(test)]
mod tests;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use tracing::error;

use super::capture::CaptureEvent;
use super::{EncodedFrame, Frame, SourceFormat, VideoTarget};
use crate::{CameraChoice, DeviceError};
use worker::Worker;

/// Commands and notices that may wait for the thread.
const QUEUED_INPUTS: usize = 64;

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
        let worker = Worker::new(events, inputs.clone(), Arc::clone(&closed));
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
