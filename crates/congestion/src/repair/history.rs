//! Packets that were sent, kept for a while in case they are asked for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::sequence::Unwrapper;

#[derive(Debug)]
pub(super) struct Sent<P> {
    number: u64,
    at: Instant,
    pub(super) size: usize,
    pub(super) packet: P,
    /// When it was last sent again.
    pub(super) resent_at: Option<Instant>,
    pub(super) resent: u32,
}

/// One stream's packets, by sequence number.
#[derive(Debug)]
pub(super) struct History<P> {
    unwrapper: Unwrapper,
    packets: VecDeque<Sent<P>>,
    max_packets: usize,
    max_age: Duration,
}

impl<P> History<P> {
    pub(super) fn new(max_packets: usize, max_age: Duration) -> Self {
        Self { unwrapper: Unwrapper::default(), packets: VecDeque::new(), max_packets, max_age }
    }

    /// Keeps a packet; they come in the order of their numbers.
    pub(super) fn insert(&mut self, now: Instant, sequence_number: u16, size: usize, packet: P) {
        let number = self.unwrapper.unwrap(sequence_number);
        if self.packets.back().is_some_and(|last| last.number >= number) {
            return;
        }
        let expired = |sent: &Sent<P>| now.saturating_duration_since(sent.at) > self.max_age;
        while self.packets.front().is_some_and(expired) || self.packets.len() >= self.max_packets {
            self.packets.pop_front();
        }
        self.packets.push_back(Sent { number, at: now, size, packet, resent_at: None, resent: 0 });
    }

    pub(super) fn find(&mut self, now: Instant, sequence_number: u16) -> Option<&mut Sent<P>> {
        let number = self.unwrapper.peek(sequence_number)?;
        let index = self.packets.binary_search_by_key(&number, |sent| sent.number).ok()?;
        let max_age = self.max_age;
        self.packets.get_mut(index).filter(|sent| now.saturating_duration_since(sent.at) <= max_age)
    }

    /// The newest packet, the most useful padding.
    pub(super) fn newest(&self) -> Option<&Sent<P>> {
        self.packets.back()
    }
}
