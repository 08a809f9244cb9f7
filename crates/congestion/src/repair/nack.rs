//! The receiver's half: which packets of a stream to ask for again, and when (RFC 4585 section 6.2.1).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::sequence::Unwrapper;

/// How a receiver asks for what is missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NackConfig {
    /// A gap is asked for when this has passed, or at once when a packet this far beyond it comes: until then it may be
    /// a matter of order.
    pub reordering: Duration,
    pub reordering_packets: u64,
    /// A request is repeated once after this: one that is lost would cost a round trip, and a sender that has answered
    /// the first ignores the second.
    pub repetition: Duration,
    /// The least time between a request's repetition and the next request for the same packet; else one round trip and
    /// a bit.
    pub min_interval: Duration,
    pub max_tries: u32,
    /// After that a packet would come too late.
    pub max_age: Duration,
    /// More are not asked for one by one: a key frame costs less. Half of libwebrtc's; a sender that changed its path has
    /// about 250 of a camera waiting.
    pub max_missing: usize,
}

impl Default for NackConfig {
    fn default() -> Self {
        Self {
            reordering: Duration::from_millis(10),
            reordering_packets: 2,
            repetition: Duration::from_millis(12),
            min_interval: Duration::from_millis(20),
            max_tries: 8,
            max_age: Duration::from_secs(1),
            max_missing: 500,
        }
    }
}

/// What to tell the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NackOutput {
    /// Send these again; in order.
    Request(Vec<u16>),
    /// Repair is given up for what was missing: only a key frame helps.
    KeyFrame,
}

/// Follows one stream of packets, repairs put back under their original numbers.
#[derive(Debug)]
pub struct NackGenerator {
    config: NackConfig,
    unwrapper: Unwrapper,
    newest: Option<u64>,
    missing: BTreeMap<u64, Missing>,
    rtt: Option<Duration>,
    /// From a first request to its answer, smoothed; `None` before one was answered.
    answered_in: Option<Duration>,
    wants_key_frame: bool,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    since: Instant,
    due: Instant,
    tries: u32,
    /// When it was first asked for.
    requested: Option<Instant>,
    is_repeated: bool,
}

impl Missing {
    fn new(since: Instant, due: Instant) -> Self {
        Self { since, due, tries: 0, requested: None, is_repeated: false }
    }
}

/// Round trip assumed before one is known.
const DEFAULT_RTT: Duration = Duration::from_millis(100);
/// How slowly the measured time of answers moves.
const ANSWER_SMOOTHING: u32 = 8;
/// A repair waits in queues on its way.
const RTT_MARGIN: f64 = 1.25;

impl NackGenerator {
    pub fn new(config: NackConfig) -> Self {
        Self {
            config,
            unwrapper: Unwrapper::default(),
            newest: None,
            missing: BTreeMap::new(),
            rtt: None,
            answered_in: None,
            wants_key_frame: false,
        }
    }

    /// Who sends knows the round trip; who only receives takes the time that answers take.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
    }

    /// A packet arrived, for the first time or as a repair.
    pub fn handle_packet(&mut self, now: Instant, sequence_number: u16) {
        let number = self.unwrapper.unwrap(sequence_number);
        let Some(newest) = self.newest else {
            self.newest = Some(number);
            return;
        };
        if number <= newest {
            if let Some(missing) = self.missing.remove(&number) {
                self.learn(now, missing);
            }
            return;
        }
        self.newest = Some(number);
        let gap = number - newest - 1;
        if gap as usize + self.missing.len() > self.config.max_missing {
            self.give_up();
            return;
        }
        let due = now + self.config.reordering;
        self.missing.extend((newest + 1..number).map(|lost| (lost, Missing::new(now, due))));
        for (lost, missing) in &mut self.missing {
            if missing.tries == 0 && lost + self.config.reordering_packets <= number {
                missing.due = missing.due.min(now);
            }
        }
    }

    /// Everything up to this number was played or skipped: what is missing there is not needed any more.
    pub fn forget_until(&mut self, sequence_number: u16) {
        if let Some(number) = self.unwrapper.peek(sequence_number) {
            self.missing = self.missing.split_off(&number.saturating_add(1));
        }
    }

    /// What to ask for by `now`.
    pub fn poll_output(&mut self, now: Instant) -> Option<NackOutput> {
        let config = self.config;
        let before = self.missing.len();
        self.missing.retain(|_, missing| {
            let is_out_of_tries =
                missing.tries >= config.max_tries && missing.is_repeated && missing.due <= now;
            now.saturating_duration_since(missing.since) < config.max_age && !is_out_of_tries
        });
        self.wants_key_frame |= self.missing.len() < before;
        if std::mem::take(&mut self.wants_key_frame) {
            return Some(NackOutput::KeyFrame);
        }
        let rtt = self.rtt.or(self.answered_in).unwrap_or(DEFAULT_RTT);
        let interval = rtt.mul_f64(RTT_MARGIN).max(config.min_interval);
        let mut wanted = Vec::new();
        for (number, missing) in &mut self.missing {
            if missing.due > now {
                continue;
            }
            wanted.push(*number as u16);
            missing.is_repeated = missing.tries > 0 && !missing.is_repeated;
            if missing.is_repeated {
                missing.due = now + interval;
            } else {
                missing.tries += 1;
                missing.requested.get_or_insert(now);
                missing.due = now + config.repetition;
            }
        }
        (!wanted.is_empty()).then_some(NackOutput::Request(wanted))
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.missing.values().map(|missing| missing.due.min(missing.since + self.config.max_age)).min()
    }

    /// How many packets are missing.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    fn learn(&mut self, now: Instant, answered: Missing) {
        let Some(requested) = answered.requested.filter(|_| answered.tries == 1) else { return };
        let took = now.saturating_duration_since(requested);
        let before = self.answered_in.unwrap_or(took);
        self.answered_in = Some((before * (ANSWER_SMOOTHING - 1) + took) / ANSWER_SMOOTHING);
    }

    fn give_up(&mut self) {
        self.missing.clear();
        self.wants_key_frame = true;
    }
}
