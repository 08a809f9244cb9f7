use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use visavis_engine::FrameSink;
use visavis_engine::api::StreamId;

use super::slots::{Output, Slots};

/// Where the engine's threads leave pictures and the frame socket fetches them. Clones share one.
///
/// The lock is held for as long as it takes to move a pointer, so no decoder waits for the page.
#[derive(Debug, Clone, Default)]
pub(crate) struct FrameHub(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    slots: Mutex<Slots>,
    changed: Notify,
}

impl FrameHub {
    /// Takes the engine's pictures.
    pub(crate) fn sink(&self) -> FrameSink {
        let hub = self.clone();
        Arc::new(move |stream, frame| hub.update(|slots| slots.put(stream, frame)))
    }

    pub(crate) fn start(&self, stream: &StreamId) {
        self.update(|slots| slots.start(stream));
    }

    pub(crate) fn end(&self, stream: &StreamId) {
        self.update(|slots| slots.end(Instant::now(), stream));
    }

    pub(super) fn on_new_page(&self) {
        self.slots().handle_new_page();
    }

    pub(super) fn on_acknowledgement(&self, index: u16, sequence: u32) {
        self.update(|slots| slots.handle_acknowledgement(index, sequence));
    }

    pub(super) fn poll_output(&self) -> Option<Output> {
        self.slots().poll_output()
    }

    /// Resolves when there may be something to send. For one waiter.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn update(&self, change: impl FnOnce(&mut Slots) -> bool) {
        if change(&mut self.slots()) {
            self.0.changed.notify_one();
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
