//! One direction of the shared path: a bottleneck with a drop-tail queue, then loss, delay and jitter.

use std::collections::{HashMap, VecDeque};

use super::packet::Packet;
use super::random::Random;
use super::time::{Micros, micros};

/// What one direction does to packets.
#[derive(Debug, Clone)]
pub(crate) struct LinkConfig {
    /// Capacity in bit/s from each second on.
    pub(crate) capacity: Vec<(f64, f64)>,
    /// What the queue holds, as time at the present capacity.
    pub(crate) queue_ms: f64,
    pub(crate) loss: Loss,
    /// Most extra delay (RFC 8868 section 4.2: bounded, without reordering).
    pub(crate) jitter_ms: f64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    None,
    /// Each packet alone.
    Random(f64),
    /// In bursts: the chances of entering and of leaving a state in which all is lost (Gilbert).
    Gilbert {
        enter: f64,
        leave: f64,
    },
}

impl LinkConfig {
    pub(crate) fn constant(bps: f64) -> Self {
        Self::schedule(&[(0.0, bps)])
    }

    pub(crate) fn schedule(capacity: &[(f64, f64)]) -> Self {
        Self { capacity: capacity.to_vec(), queue_ms: 300.0, loss: Loss::None, jitter_ms: 0.0 }
    }

    pub(crate) fn capacity_bps(&self, now: Micros) -> f64 {
        let seconds = now as f64 / 1e6;
        self.capacity.iter().rev().find(|(from, _)| *from <= seconds).map_or(1.0, |(_, bps)| *bps)
    }
}

pub(crate) struct Link {
    pub(crate) config: LinkConfig,
    queue: VecDeque<(Micros, Packet)>,
    queued_bytes: usize,
    is_losing: bool,
    random: Random,
    last_arrival: HashMap<usize, Micros>,
}

/// A packet that came out of the queue.
pub(crate) struct Served {
    pub(crate) packet: Packet,
    /// When it will arrive; `None` if it is lost.
    pub(crate) arrival: Option<Micros>,
    pub(crate) queue_ms: f64,
}

impl Link {
    pub(crate) fn new(config: LinkConfig, seed: u64) -> Self {
        Self {
            config,
            queue: VecDeque::new(),
            queued_bytes: 0,
            is_losing: false,
            random: Random::new(seed),
            last_arrival: HashMap::new(),
        }
    }

    /// Takes a packet; gives it back if the queue is full.
    pub(crate) fn enqueue(&mut self, now: Micros, packet: Packet) -> Result<(), Packet> {
        if self.backlog_ms(now) > self.config.queue_ms {
            return Err(packet);
        }
        self.queued_bytes += packet.size;
        self.queue.push_back((now, packet));
        Ok(())
    }

    /// When the first packet will have left, if it begins to leave now.
    pub(crate) fn service_of_first(&self, now: Micros) -> Option<Micros> {
        let (_, packet) = self.queue.front()?;
        Some(now + micros(packet.size as f64 * 8.0 / self.config.capacity_bps(now)))
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn first_flow(&self) -> Option<usize> {
        self.queue.front().map(|(_, packet)| packet.flow)
    }

    /// The first packet has left the queue.
    pub(crate) fn serve(&mut self, now: Micros, one_way: Micros) -> Option<Served> {
        let (since, packet) = self.queue.pop_front()?;
        self.queued_bytes -= packet.size;
        let queue_ms = (now - since) as f64 / 1e3;
        if self.is_lost() {
            return Some(Served { packet, arrival: None, queue_ms });
        }
        let sigma = self.config.jitter_ms / 6.0;
        let jitter_ms = (self.random.normal().abs() * sigma).min(self.config.jitter_ms);
        let last = self.last_arrival.entry(packet.flow).or_default();
        *last = (now + one_way + micros(jitter_ms / 1e3)).max(*last);
        Some(Served { packet, arrival: Some(*last), queue_ms })
    }

    fn backlog_ms(&self, now: Micros) -> f64 {
        self.queued_bytes as f64 * 8e3 / self.config.capacity_bps(now)
    }

    fn is_lost(&mut self) -> bool {
        match self.config.loss {
            Loss::None => false,
            Loss::Random(share) => self.random.uniform() < share,
            Loss::Gilbert { enter, leave } => {
                let chance = if self.is_losing { 1.0 - leave } else { enter };
                self.is_losing = self.random.uniform() < chance;
                self.is_losing
            }
        }
    }
}
