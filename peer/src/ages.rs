//! How old the received pictures are: read from the time code of the test picture, where a sender shows one.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, SystemTime};

use visavis_engine::FrameSink;
use visavis_engine::api::StreamId;
use visavis_media::video::marker::Marker;

/// Pictures between two lines of statistics, with room to spare.
const QUEUE: usize = 256;
/// Older than this: the sender's clock is another one.
const PLAUSIBLE: Duration = Duration::from_secs(60);

/// Ages of the pictures decoded since they were last asked for.
pub(crate) struct PictureAges {
    ages: Receiver<Duration>,
}

/// A sink that passes everything on and notes the ages of the others' pictures, from camera to decoded.
pub(crate) fn measure(next: FrameSink) -> (FrameSink, PictureAges) {
    let (sender, ages) = sync_channel(QUEUE);
    let sink: FrameSink = Arc::new(move |stream, frame| {
        match stream {
            StreamId::Own | StreamId::Screen(_) => {}
            StreamId::Participant(_) => {
                if let Some(age) = Marker::read(&frame).map(|marker| marker.age(SystemTime::now()))
                    && age < PLAUSIBLE
                {
                    // Nobody may be asking.
                    let _ = sender.try_send(age);
                }
            }
        }
        next(stream, frame);
    });
    (sink, PictureAges { ages })
}

impl PictureAges {
    /// In milliseconds, in the order of decoding.
    pub(crate) fn take(&self) -> Vec<f64> {
        self.ages.try_iter().map(|age| age.as_secs_f64() * 1e3).collect()
    }
}
