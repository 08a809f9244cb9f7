//! A sender in virtual time that follows the estimate over a link with a drop-tail queue.

use std::time::{Duration, Instant};

use visavis_congestion::{Config, Estimator, PacketReport};

/// The way to the receiver and back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) one_way: Duration,
    pub(crate) queue: Duration,
    /// Share of packets lost at random, 0 to 1.
    pub(crate) loss: f64,
    /// Greatest extra delay of a packet.
    pub(crate) jitter: Duration,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            one_way: Duration::from_millis(25),
            queue: Duration::from_millis(300),
            loss: 0.0,
            jitter: Duration::ZERO,
        }
    }
}

/// One second of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Second {
    pub(crate) target_bps: u64,
    /// Greatest queueing delay of a packet sent in this second.
    pub(crate) queue_ms: f64,
}

pub(crate) const CONFIG: Config = Config { start_bps: 500_000, min_bps: 60_000, max_bps: 2_000_000 };

/// Runs `seconds` of 15 frames a second plus 50 sound packets; the capacity in bit/s is a function of the second.
pub(crate) fn run(link: Link, seconds: u64, capacity_bps: impl Fn(f64) -> f64) -> Vec<Second> {
    let start = Instant::now();
    let mut estimator = Estimator::new(CONFIG);
    let mut random = Random(7);
    let mut busy_until = 0.0f64;
    let mut in_flight: Vec<(f64, PacketReport)> = Vec::new();
    let mut seen = vec![Second { target_bps: 0, queue_ms: 0.0 }; seconds as usize];
    let mut sequence_number = 0;
    let mut sound_due = 0.0;
    let mut frame_due = 0.0;
    let mut feedback_due = 0.05;
    for tick in 0..seconds * 1000 {
        let now_s = tick as f64 / 1e3;
        let now = start + Duration::from_millis(tick);
        let mut sizes = Vec::new();
        if now_s >= sound_due {
            sound_due += 0.02;
            sizes.push(120usize);
        }
        if now_s >= frame_due {
            frame_due += 1.0 / 15.0;
            let bytes = (estimator.estimate().target_bps as f64 - 48_000.0).max(20_000.0) / 15.0 / 8.0;
            let packets = (bytes / 1200.0).ceil() as usize;
            sizes.extend(std::iter::repeat_n((bytes / packets as f64) as usize, packets));
        }
        for size in sizes {
            let queued = (busy_until - now_s).max(0.0);
            let second = &mut seen[tick as usize / 1000];
            second.queue_ms = second.queue_ms.max(queued * 1e3);
            let lost = random.next() < link.loss || queued > link.queue.as_secs_f64();
            if queued <= link.queue.as_secs_f64() {
                busy_until = busy_until.max(now_s) + size as f64 * 8.0 / capacity_bps(now_s);
            }
            let arrival = busy_until.max(now_s)
                + link.one_way.as_secs_f64()
                + link.jitter.as_secs_f64() * random.next();
            let arrival_time = (!lost).then(|| Duration::from_secs_f64(1000.0 + arrival));
            estimator.handle_sent(now, size);
            sequence_number += 1;
            in_flight.push((
                arrival,
                PacketReport {
                    sequence_number,
                    size,
                    departure: now,
                    arrival: arrival_time,
                    probe_cluster: None,
                },
            ));
        }
        if now_s >= feedback_due {
            feedback_due += 0.05;
            // What had arrived when the feedback left, one way ago.
            let left = now_s - link.one_way.as_secs_f64();
            let (reported, rest): (Vec<_>, Vec<_>) =
                in_flight.drain(..).partition(|(arrival, _)| *arrival <= left);
            in_flight = rest;
            let reports: Vec<_> = reported.into_iter().map(|(_, report)| report).collect();
            estimator.handle_reports(now, &reports);
        }
        seen[tick as usize / 1000].target_bps = estimator.estimate().target_bps;
    }
    seen
}

/// Numbers in 0..1, the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}
