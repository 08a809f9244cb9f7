//! The adaptive jitter buffer of one incoming voice, in the manner of WebRTC's NetEq.
//!
//! Packets come whenever the network brings them; sound is taken in steps of exactly 10 ms. The delay between the two
//! follows the jitter of the path: [`delay`] sets the target, [`stretch`] moves towards it without gaps. A lost packet is
//! played from the copy that a later one carries, if there is one, or recovered from the FEC of its successor, and
//! otherwise made up by the decoder; what lasts longer, and what the sender leaves out in silence, is filled with
//! [`comfort`] noise. Pure: the time is an argument.

mod comfort;
mod delay;
mod playout;
mod queue;
mod received;
mod stats;
mod stretch;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::delay::{DelayEstimator, MAX_TARGET};
use self::playout::Playout;
use self::queue::{Inserted, PacketQueue, QueuedPacket};
use self::received::Received;
pub use self::stats::JitterStats;
use self::stretch::MAX_PERIOD;
use self::timeline::{Position, SampleClock, Unwrapper};
use super::opus::{OpusError, PacketInfo};
use super::red::AudioCopy;
use super::{BLOCK_SAMPLES, Block, SAMPLE_RATE};

const MS: i64 = SAMPLE_RATE as i64 / 1000;

/// A packet whose transit differs so much from the others' comes from a sender that began anew.
const MAX_TRANSIT_CHANGE: i64 = 1000 * MS;

/// Blocks over which the delay is judged: 250 ms.
const JUDGED_BLOCKS: usize = 25;

/// How far the delay may be below or above its target.
const SLACK_BELOW: i64 = 5 * MS;
const SLACK_ABOVE: i64 = 15 * MS;

/// Playing faster leaves this much waiting, whatever the target: while all packets come late, it would only run dry.
const LEAST_WAITING: i64 = 20 * MS;

/// So much too late is not made up for by playing faster, but by leaving out.
const MAX_EXCESS: i64 = 300 * MS;

/// Blocks between two stretches, and between two tries when it is urgent.
const STRETCH_INTERVAL: u32 = 10;
const URGENT_STRETCH_INTERVAL: u32 = 4;

/// After a packet that came too late, sound is played slower for so many blocks while hardly any waits, with so many between
/// two stretches: a queue that begins to grow makes the next packets late too.
const SLOW_BLOCKS: u32 = 10;
const SLOW_STRETCH_INTERVAL: u32 = 2;

/// So far off the target is urgent.
const URGENT: i64 = 60 * MS;

/// How alike two periods must be to be joined at first; each failed try asks a little less, down to the least.
const SIMILARITY: f32 = 0.9;
const SIMILARITY_STEP: f32 = 0.05;
const LEAST_SIMILARITY: f32 = 0.5;

/// A received RTP packet of a voice stream, as far as playing it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpAudioPacket {
    pub sequence: u16,
    /// In ticks of 48 kHz.
    pub timestamp: u32,
    /// One Opus packet (RFC 7587 section 4.2).
    pub payload: Bytes,
    /// Of the packets right before it, the newest first.
    pub copies: Vec<AudioCopy>,
}

/// How a block found things, in samples.
#[derive(Debug, Clone, Copy)]
struct Judged {
    /// How far the wall clock was ahead of the media clock.
    offset: i64,
    /// Sound that had come and was not played.
    waiting: i64,
}

/// Packets in, 10 ms of sound out.
pub struct JitterBuffer {
    clock: SampleClock,
    unwrapper: Unwrapper,
    received: Received,
    delays: DelayEstimator,
    /// The delay that is asked for from outside, in samples.
    minimum_delay: i64,
    queue: PacketQueue,
    playout: Playout,
    /// Of the last blocks.
    judged: VecDeque<Judged>,
    /// Blocks since the last stretch.
    unstretched: u32,
    /// Blocks that are still played slower, if need be.
    slow: u32,
    failed_stretches: u32,
    stats: JitterStats,
}

impl JitterBuffer {
    /// Fails only if there is no memory for a decoder.
    pub fn new() -> Result<Self, OpusError> {
        Ok(Self {
            clock: SampleClock::default(),
            unwrapper: Unwrapper::default(),
            received: Received::default(),
            delays: DelayEstimator::new(),
            minimum_delay: 0,
            queue: PacketQueue::default(),
            playout: Playout::new()?,
            judged: VecDeque::with_capacity(JUDGED_BLOCKS),
            unstretched: 0,
            slow: 0,
            failed_stretches: 0,
            stats: JitterStats::default(),
        })
    }

    /// Plays so far behind the fastest packets at least, up to half a second, so that it is in step with something else.
    pub fn set_minimum_delay(&mut self, minimum: Duration) {
        self.minimum_delay = ((minimum.as_secs_f64() * f64::from(SAMPLE_RATE)) as i64).min(MAX_TARGET);
    }

    /// Takes a packet that arrived at `now`.
    pub fn handle_packet(&mut self, now: Instant, packet: RtpAudioPacket) {
        let Some(info) = PacketInfo::parse(&packet.payload) else {
            self.stats.invalid_packets += 1;
            return;
        };
        let arrival = self.clock.samples(now);
        let mut position = self.unwrapper.unwrap(packet.sequence, packet.timestamp);
        let transit = arrival - position.timestamp;
        if self.delays.base().is_some_and(|base| (transit - base).abs() > MAX_TRANSIT_CHANGE) {
            self.restart();
            position = self.unwrapper.unwrap(packet.sequence, packet.timestamp);
        }
        if !self.received.insert(position.timestamp) {
            // It came by itself or as a copy; how long that took is known.
            self.stats.duplicate_packets += 1;
            return;
        }
        self.delays.on_packet(arrival, position.timestamp);
        if self.playout.is_past(position.timestamp) {
            self.stats.late_packets += 1;
        } else {
            self.enqueue(QueuedPacket { position, info, payload: packet.payload });
        }
        for (copy, steps) in packet.copies.into_iter().zip(1..) {
            let timestamp = position.timestamp - i64::from(copy.offset);
            self.handle_copy(
                arrival,
                Position { sequence: position.sequence - steps, timestamp },
                copy.payload,
            );
        }
    }

    /// A copy of a packet counts if that packet did not come: waiting for copies is then worth as much as it is for packets.
    fn handle_copy(&mut self, arrival: i64, position: Position, payload: Bytes) {
        let Some(info) = PacketInfo::parse(&payload) else {
            self.stats.invalid_packets += 1;
            return;
        };
        if !self.received.insert(position.timestamp) {
            return;
        }
        self.delays.on_copy(arrival, position.timestamp);
        if !self.playout.is_past(position.timestamp) {
            self.stats.recovered_packets += 1;
            self.enqueue(QueuedPacket { position, info, payload });
        }
    }

    fn enqueue(&mut self, packet: QueuedPacket) {
        match self.queue.insert(packet) {
            Inserted::Waiting => {}
            Inserted::Duplicate => self.stats.duplicate_packets += 1,
            Inserted::Full => self.stats.skipped_packets += 1,
        }
    }

    /// Gives the next 10 ms; while there is nothing to play, the noise that was behind the voice.
    pub fn pull(&mut self, now: Instant, output: &mut Block) {
        let now = self.clock.samples(now);
        if !self.playout.is_playing() && !self.start(now) {
            self.playout.rest(output);
            return;
        }
        self.adapt(now);
        let before = self.playout.position();
        self.playout.play(&mut self.queue, output, &mut self.stats);
        if let (Some(before), Some(after)) = (before, self.playout.position()) {
            // Not zero where sound was made up for a packet that may be late, or such sound counted for a lost one.
            self.move_judged(before + BLOCK_SAMPLES as i64 - after);
        }
    }

    pub fn stats(&self) -> JitterStats {
        JitterStats {
            delay: duration(self.playout.position().and(self.delay()).unwrap_or(0)),
            target_delay: duration(self.target()),
            needed_delay: duration(self.delays.target()),
            // RTP timestamps wrap around.
            playing: self.playout.position().map(|position| position as u32),
            playing_received: self.playout.received_position().map(|position| position as u32),
            ..self.stats
        }
    }

    /// Starts with the packet whose time has come, leaving out what would be too late by then.
    fn start(&mut self, now: i64) -> bool {
        let Some(base) = self.delays.base() else { return false };
        let due = now - base - self.target();
        while self.queue.second_timestamp().is_some_and(|second| second <= due) {
            self.queue.pop();
            self.stats.skipped_packets += 1;
        }
        let Some(first) = self.queue.first().filter(|first| first.position.timestamp <= due) else {
            return false;
        };
        self.playout.start(first.position, &mut self.stats);
        self.judged.clear();
        self.unstretched = 0;
        true
    }

    /// The sender's clock began anew: nothing that waits has to do with what comes.
    fn restart(&mut self) {
        self.queue.clear();
        self.delays.restart();
        self.unwrapper = Unwrapper::default();
        self.received = Received::default();
        self.playout.stop_for_good();
    }

    /// Moves the delay towards its target.
    fn adapt(&mut self, now: i64) {
        let Some(position) = self.playout.position() else { return };
        if self.judged.len() == JUDGED_BLOCKS {
            self.judged.pop_front();
        }
        let waiting =
            self.queue.end().unwrap_or(position).max(self.playout.next().unwrap_or(position)) - position;
        self.judged.push_back(Judged { offset: now - position, waiting });
        self.unstretched += 1;
        self.slow = if self.playout.take_late() { SLOW_BLOCKS } else { self.slow.saturating_sub(1) };
        if self.slow > 0 && waiting < LEAST_WAITING && self.unstretched >= SLOW_STRETCH_INTERVAL {
            self.unstretched = 0;
            self.stretch(-LEAST_WAITING);
            return;
        }
        let Some(delay) = self.delay().filter(|_| self.judged.len() == JUDGED_BLOCKS) else { return };
        let spare = self.judged.iter().map(|judged| judged.waiting).min().unwrap_or(0) - LEAST_WAITING;
        let excess = (delay - self.target()).min(spare.max(0));
        if excess > MAX_EXCESS {
            self.playout.skip();
            self.start(now);
            return;
        }
        let interval = if excess.abs() > URGENT { URGENT_STRETCH_INTERVAL } else { STRETCH_INTERVAL };
        if (-SLACK_BELOW..=SLACK_ABOVE).contains(&excess) || self.unstretched < interval {
            return;
        }
        self.unstretched = 0;
        self.stretch(excess);
    }

    fn stretch(&mut self, excess: i64) {
        self.playout.decode_ahead(&mut self.queue, 2 * MAX_PERIOD, &mut self.stats);
        let similarity = (SIMILARITY - SIMILARITY_STEP * self.failed_stretches as f32).max(LEAST_SIMILARITY);
        let moved = if excess > 0 {
            let removed = self.playout.shorten(excess as usize, similarity);
            self.stats.removed_samples += removed.unwrap_or(0) as u64;
            removed.map(|removed| -(removed as i64))
        } else {
            let inserted = self.playout.lengthen(similarity);
            self.stats.inserted_samples += inserted.unwrap_or(0) as u64;
            inserted.map(|inserted| inserted as i64)
        };
        match moved {
            None => self.failed_stretches += 1,
            Some(moved) => {
                self.failed_stretches = 0;
                self.move_judged(moved);
            }
        }
    }

    /// What changed the delay for all blocks to come makes the past blocks comparable.
    fn move_judged(&mut self, moved: i64) {
        for judged in &mut self.judged {
            judged.offset += moved;
            judged.waiting += moved;
        }
    }

    fn target(&self) -> i64 {
        self.delays.target().max(self.minimum_delay)
    }

    /// The least delay of the last blocks.
    fn delay(&self) -> Option<i64> {
        Some(self.judged.iter().map(|judged| judged.offset).min()? - self.delays.base()?)
    }
}

fn duration(samples: i64) -> Duration {
    Duration::from_secs_f64(samples.max(0) as f64 / f64::from(SAMPLE_RATE))
}
