//! Recording decoded pictures, on a thread of its own so that a slow disk never holds up a decoder.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};

use anyhow::Context;
use tracing::warn;
use visavis_engine::FrameSink;
use visavis_engine::api::StreamId;
use visavis_media::video::y4m::Y4mWriter;
use visavis_media::video::{Frame, Size};
use visavis_protocol::ParticipantId;

/// Pictures that may wait for the disk: about two seconds.
const QUEUE: usize = 32;
/// The file's frame rate: what calls begin with. A file has one rate, a call has what came.
const FRAMES_PER_SECOND: u32 = 15;

/// Which of the first participant's pictures are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    Camera,
    Screen,
}

/// A recording under way. [`finish`](Self::finish) it, or the last pictures are lost.
pub(crate) struct Recorder {
    thread: JoinHandle<anyhow::Result<()>>,
}

/// A sink that records the first participant's pictures into `path`, scaled to `size` or else to the first one's, and
/// the recording.
pub(crate) fn record(
    path: &Path,
    recorded: Recorded,
    size: Option<Size>,
) -> anyhow::Result<(FrameSink, Recorder)> {
    let mut writer = Y4mWriter::create(path, FRAMES_PER_SECOND, size)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let (sender, queue) = sync_channel(QUEUE);
    let thread = Builder::new().name("recorder".to_owned()).spawn(move || write(&queue, &mut writer))?;
    Ok((sink(sender, recorded), Recorder { thread }))
}

/// A sink that hands everything on to both.
pub(crate) fn both(one: FrameSink, other: FrameSink) -> FrameSink {
    Arc::new(move |stream, frame| {
        one(stream, Arc::clone(&frame));
        other(stream, frame);
    })
}

/// A sink that looks at nothing.
pub(crate) fn ignore() -> FrameSink {
    Arc::new(|_, _| {})
}

impl Recorder {
    /// Waits for the last picture; the sink must be gone by then.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        self.thread.join().map_err(|_| anyhow::anyhow!("the recorder panicked"))?
    }
}

fn sink(sender: SyncSender<(ParticipantId, Arc<Frame>)>, recorded: Recorded) -> FrameSink {
    Arc::new(move |stream, frame| match (stream, recorded) {
        (StreamId::Own, _)
        | (StreamId::Participant(_), Recorded::Screen)
        | (StreamId::Screen(_), Recorded::Camera) => {}
        (StreamId::Participant(id), Recorded::Camera) | (StreamId::Screen(id), Recorded::Screen) => {
            match sender.try_send((id.clone(), frame)) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => warn!("the disk is too slow: a picture is not recorded"),
                Err(TrySendError::Disconnected(_)) => {}
            }
        }
    })
}

fn write(queue: &Receiver<(ParticipantId, Arc<Frame>)>, writer: &mut Y4mWriter) -> anyhow::Result<()> {
    let mut recorded: Option<ParticipantId> = None;
    for (participant, frame) in queue {
        if *recorded.get_or_insert_with(|| participant.clone()) == participant {
            writer.write(&frame).context("cannot write the recording")?;
        }
    }
    writer.flush().context("cannot finish the recording")
}
