//! What waits to be sent, by priority.

use std::collections::VecDeque;
use std::time::Instant;

use super::Class;

#[derive(Debug)]
pub(super) struct Waiting<P> {
    pub(super) packet: P,
    pub(super) class: Class,
    pub(super) size: usize,
    pub(super) since: Instant,
    /// The target when it was handed over: what the encoder made it for.
    pub(super) target_bps: u64,
}

/// First in, first out in each class; the classes in the order of [`Class`].
#[derive(Debug)]
pub(super) struct Queue<P> {
    audio: VecDeque<Waiting<P>>,
    retransmissions: VecDeque<Waiting<P>>,
    video: VecDeque<Waiting<P>>,
    screen: VecDeque<Waiting<P>>,
    padding: VecDeque<Waiting<P>>,
    /// Bytes of all that is paced.
    paced_bytes: usize,
    /// Those of the screen among them.
    screen_bytes: usize,
}

impl<P> Default for Queue<P> {
    fn default() -> Self {
        Self {
            audio: VecDeque::new(),
            retransmissions: VecDeque::new(),
            video: VecDeque::new(),
            screen: VecDeque::new(),
            padding: VecDeque::new(),
            paced_bytes: 0,
            screen_bytes: 0,
        }
    }
}

impl<P> Queue<P> {
    pub(super) fn push(&mut self, waiting: Waiting<P>) {
        if waiting.class != Class::Audio {
            self.paced_bytes += waiting.size;
        }
        match waiting.class {
            Class::Audio => self.audio.push_back(waiting),
            Class::Retransmission => self.retransmissions.push_back(waiting),
            Class::Video { .. } => self.video.push_back(waiting),
            Class::Screen { .. } => {
                self.screen_bytes += waiting.size;
                self.screen.push_back(waiting);
            }
            Class::Padding => self.padding.push_back(waiting),
        }
    }

    pub(super) fn pop_audio(&mut self) -> Option<Waiting<P>> {
        self.audio.pop_front()
    }

    pub(super) fn pop_paced(&mut self) -> Option<Waiting<P>> {
        let waiting = self
            .retransmissions
            .pop_front()
            .or_else(|| self.video.pop_front())
            .or_else(|| self.screen.pop_front())
            .or_else(|| self.padding.pop_front())?;
        self.paced_bytes -= waiting.size;
        if matches!(waiting.class, Class::Screen { .. }) {
            self.screen_bytes -= waiting.size;
        }
        Some(waiting)
    }

    pub(super) fn paced_bytes(&self) -> usize {
        self.paced_bytes
    }

    pub(super) fn screen_bytes(&self) -> usize {
        self.screen_bytes
    }

    pub(super) fn has_audio(&self) -> bool {
        !self.audio.is_empty()
    }

    pub(super) fn has_paced(&self) -> bool {
        !(self.retransmissions.is_empty()
            && self.video.is_empty()
            && self.screen.is_empty()
            && self.padding.is_empty())
    }

    /// When the packet of the screen that waits longest came.
    pub(super) fn oldest_of_screen(&self) -> Option<Instant> {
        self.screen.front().map(|waiting| waiting.since)
    }

    /// When the paced packet that waits longest came; the screen's aside.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let firsts = [self.retransmissions.front(), self.video.front(), self.padding.front()];
        firsts.into_iter().flatten().map(|waiting| waiting.since).min()
    }

    /// Takes out the camera's packets that `is_stale` names; gives the number of frames that they belonged to.
    pub(super) fn drop_video(&mut self, is_stale: impl Fn(&Waiting<P>) -> bool) -> u64 {
        let (frames, bytes) = drop_frames(&mut self.video, is_stale);
        self.paced_bytes -= bytes;
        frames
    }

    /// The same of the screen's.
    pub(super) fn drop_screen(&mut self, is_stale: impl Fn(&Waiting<P>) -> bool) -> u64 {
        let (frames, bytes) = drop_frames(&mut self.screen, is_stale);
        self.paced_bytes -= bytes;
        self.screen_bytes -= bytes;
        frames
    }
}

/// Gives how many frames and bytes were taken out.
fn drop_frames<P>(queue: &mut VecDeque<Waiting<P>>, is_stale: impl Fn(&Waiting<P>) -> bool) -> (u64, usize) {
    let (mut frames, mut bytes) = (0, 0);
    let mut last = None;
    queue.retain(|waiting| {
        let Some(frame) = waiting.class.frame() else { return true };
        if !is_stale(waiting) {
            return true;
        }
        bytes += waiting.size;
        frames += u64::from(last.replace(frame) != Some(frame));
        false
    });
    (frames, bytes)
}
