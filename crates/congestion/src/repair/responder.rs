//! The sender's half: which requests to answer (RFC 4588).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::history::History;
use super::protection::Protection;

/// How a sender answers requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResponderConfig {
    pub max_packets: usize,
    pub max_age: Duration,
    /// A packet is sent again at most this often.
    pub max_resends: u32,
    /// The least time between two answers to requests for one packet; else one round trip.
    pub min_interval: Duration,
    /// Share of the target that may go to answers.
    pub share: f64,
    /// How much of that share can be saved up for a burst of losses.
    pub burst: Duration,
}

impl Default for ResponderConfig {
    fn default() -> Self {
        Self {
            max_packets: 1024,
            max_age: Duration::from_secs(2),
            max_resends: 10,
            min_interval: Duration::from_millis(20),
            share: 0.5,
            burst: Duration::from_millis(500),
        }
    }
}

/// Keeps what one stream sent, and gives it out again; the payload is whatever the caller can send again.
#[derive(Debug)]
pub struct NackResponder<P> {
    config: ResponderConfig,
    history: History<P>,
    target_bps: u64,
    rtt: Duration,
    budget_bytes: f64,
    filled_at: Option<Instant>,
    protection: Protection,
    /// What is to be sent once more, and when; in that order.
    copies: VecDeque<(Instant, u16)>,
}

const DEFAULT_RTT: Duration = Duration::from_millis(100);
/// How much later a copy leaves: longer than most bursts of losses, and sooner than another request would be answered.
const COPY_AFTER: Duration = Duration::from_millis(20);

impl<P: Clone> NackResponder<P> {
    pub fn new(config: ResponderConfig, target_bps: u64) -> Self {
        let history = History::new(config.max_packets, config.max_age);
        let mut responder = Self {
            config,
            history,
            target_bps,
            rtt: DEFAULT_RTT,
            budget_bytes: 0.0,
            filled_at: None,
            protection: Protection::default(),
            copies: VecDeque::new(),
        };
        responder.budget_bytes = responder.most_bytes();
        responder
    }

    pub fn set_target(&mut self, now: Instant, target_bps: u64) {
        self.fill(now);
        self.target_bps = target_bps;
    }

    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    pub fn set_protection(&mut self, protection: Protection) {
        self.protection = protection;
    }

    /// A packet left for the first time.
    pub fn handle_sent(&mut self, now: Instant, sequence_number: u16, size: usize, packet: P) {
        self.history.insert(now, sequence_number, size, packet);
        if self.protection == Protection::Everything {
            self.copies.push_back((now + COPY_AFTER, sequence_number));
        }
    }

    /// A request came: what to send again, oldest first. What was sent again within a round trip is on its way; what
    /// does not fit into the budget is asked for again if it is still needed.
    pub fn handle_nack(&mut self, now: Instant, sequence_numbers: &[u16]) -> Vec<P> {
        self.fill(now);
        let interval = self.rtt.max(self.config.min_interval);
        let is_copied = self.protection >= Protection::Answers;
        let mut answers = Vec::new();
        for sequence_number in sequence_numbers {
            let Some(sent) = self.history.find(now, *sequence_number) else { continue };
            let is_on_its_way = sent.resent_at.is_some_and(|at| now.saturating_duration_since(at) < interval);
            let cost_bytes = sent.size as f64 * if is_copied { 2.0 } else { 1.0 };
            let is_affordable = cost_bytes <= self.budget_bytes;
            if is_on_its_way || !is_affordable || sent.resent >= self.config.max_resends {
                continue;
            }
            self.budget_bytes -= cost_bytes;
            sent.resent_at = Some(now);
            sent.resent += 1;
            answers.push(sent.packet.clone());
            if is_copied {
                self.copies.push_back((now + COPY_AFTER, *sequence_number));
            }
        }
        answers
    }

    /// A copy that is due.
    pub fn poll_copy(&mut self, now: Instant) -> Option<P> {
        while let Some(&(due, sequence_number)) = self.copies.front()
            && due <= now
        {
            self.copies.pop_front();
            if let Some(sent) = self.history.find(now, sequence_number) {
                sent.resent_at = Some(now);
                return Some(sent.packet.clone());
            }
        }
        None
    }

    /// When the next copy is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.copies.front().map(|(due, _)| *due)
    }

    /// A packet to fill up a probe with: the newest, which may even repair something.
    pub fn padding(&self) -> Option<(usize, P)> {
        self.history.newest().map(|sent| (sent.size, sent.packet.clone()))
    }

    fn fill(&mut self, now: Instant) {
        let passed = self.filled_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.filled_at = Some(now);
        let filled = self.budget_bytes + self.bytes_per_s() * passed.as_secs_f64();
        self.budget_bytes = filled.min(self.most_bytes());
    }

    fn bytes_per_s(&self) -> f64 {
        self.target_bps as f64 / 8.0 * self.config.share
    }

    /// At least a few packets, or a low target would end all repair.
    fn most_bytes(&self) -> f64 {
        (self.bytes_per_s() * self.config.burst.as_secs_f64()).max(4_000.0)
    }
}
