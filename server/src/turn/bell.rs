use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Wakes the thread, once for all that it has not heard yet.
#[derive(Debug)]
pub(super) struct Bell {
    waker: Waker,
    has_rung: AtomicBool,
    is_over: AtomicBool,
}

impl Bell {
    pub(super) fn new(waker: Waker) -> Self {
        Self { waker, has_rung: AtomicBool::new(false), is_over: AtomicBool::new(false) }
    }

    /// There is something to be heard.
    pub(super) fn ring(&self) -> io::Result<()> {
        if self.has_rung.swap(true, Ordering::AcqRel) { Ok(()) } else { self.waker.wake() }
    }

    /// The thread is about to listen: what is said from now on rings again.
    pub(super) fn hear(&self) {
        self.has_rung.store(false, Ordering::Release);
    }

    /// The thread is to end.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.waker.wake().ok();
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}
