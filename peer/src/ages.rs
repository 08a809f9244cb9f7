//! How old the received pictures are: read from the time code of the test picture, where a sender shows one.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use visavis_engine::FrameSink;
use visavis_engine::api::StreamId;
use visavis_media::video::marker::Marker;

/// Pictures between two lines of statistics, with room to spare.
const QUEUE: usize = 256;
/// Older than this: the sender's clock is another one.
const PLAUSIBLE: Duration = Duration::from_secs(60);

/// Ages of the pictures decoded since they were last asked for.
pub(crate) struct PictureAges {
    ages: Receiver<(SystemTime, Duration)>,
}

/// Of pictures in the order of decoding, in milliseconds.
#[derive(Default)]
pub(crate) struct Ages {
    pub(crate) ages_ms: Vec<f64>,
    /// Unix time at which each had that age.
    pub(crate) times_ms: Vec<f64>,
}

/// A sink that passes everything on and notes the ages of the others' pictures, from camera to decoded.
pub(crate) fn measure(next: FrameSink) -> (FrameSink, PictureAges) {
    let (sender, ages) = sync_channel(QUEUE);
    let sink: FrameSink = Arc::new(move |stream, frame| {
        match stream {
            StreamId::Own | StreamId::Screen(_) => {}
            StreamId::Participant(_) => {
                let now = SystemTime::now();
                if let Some(age) = Marker::read(&frame).map(|marker| marker.age(now))
                    && age < PLAUSIBLE
                {
                    // Nobody may be asking.
                    let _ = sender.try_send((now, age));
                }
            }
        }
        next(stream, frame);
    });
    (sink, PictureAges { ages })
}

impl PictureAges {
    pub(crate) fn take(&self) -> Ages {
        let mut taken = Ages::default();
        for (now, age) in self.ages.try_iter() {
            taken.ages_ms.push(milliseconds(age));
            taken.times_ms.push(milliseconds(now.duration_since(UNIX_EPOCH).unwrap_or_default()));
        }
        taken
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
