//! What the delay of packets says of the path (draft-ietf-rmcat-gcc-02 section 5).

mod aimd;
mod dispersion;
mod inter_arrival;
mod link_capacity;
mod standing_queue;
mod trendline;

use std::time::{Duration, Instant};

use self::aimd::Aimd;
use self::dispersion::Dispersion;
use self::inter_arrival::InterArrival;
use self::standing_queue::StandingQueue;
use self::trendline::{Trendline, Usage};
use super::{Config, PacketReport};

/// What else is known when a report is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    /// What got through; `None` before it is known.
    pub(super) acknowledged_bps: Option<f64>,
    /// The same over the last moment.
    pub(super) recent_bps: Option<f64>,
    /// What a probe found.
    pub(super) probe_bps: Option<f64>,
    pub(super) rtt: Option<Duration>,
    pub(super) in_alr: bool,
}

/// What else the delays show.
#[derive(Debug, Clone, Copy)]
struct Path {
    /// How long packets wait in the queue.
    wait_ms: f64,
    /// The rate at which bursts come out.
    dispersion_bps: Option<f64>,
}

#[derive(Debug)]
pub(super) struct DelayBased {
    inter_arrival: InterArrival,
    trendline: Trendline,
    queue: StandingQueue,
    dispersion: Dispersion,
    aimd: Aimd,
    /// The usage that this report's packets showed.
    seen: Option<Usage>,
    before: Usage,
}

impl DelayBased {
    pub(super) fn new(config: Config) -> Self {
        Self {
            inter_arrival: InterArrival::default(),
            trendline: Trendline::default(),
            queue: StandingQueue::default(),
            dispersion: Dispersion::default(),
            aimd: Aimd::new(config),
            seen: None,
            before: Usage::Normal,
        }
    }

    pub(super) fn set_max_bps(&mut self, max_bps: u64) {
        self.aimd.set_max_bps(max_bps);
    }

    /// Takes a packet of a report, in order of arrival.
    pub(super) fn handle_packet(&mut self, report: &PacketReport, arrival: Duration) {
        let departure = report.departure;
        self.queue.handle_packet(departure, arrival);
        let target_bps = self.aimd.target_bps();
        self.dispersion.handle_packet(report.sequence_number, departure, arrival, report.size, target_bps);
        let Some(delta) = self.inter_arrival.handle_packet(departure, arrival) else { return };
        // Within one report an over-use seen once holds, whatever the last packets say.
        self.seen = match (self.seen, self.trendline.handle_delta(delta)) {
            (Some(Usage::Over), _) => Some(Usage::Over),
            (Some(Usage::Normal | Usage::Under) | None, seen) => Some(seen),
        };
    }

    /// Ends a report; gives the target before an over-use whose queue is empty again.
    pub(super) fn handle_report(&mut self, now: Instant, context: Context) -> Option<f64> {
        let usage = self.seen.take().unwrap_or(self.trendline.usage());
        let was_draining = self.aimd.draining_from_bps();
        match context.probe_bps {
            Some(found) if usage != Usage::Over => self.aimd.set_target(now, found),
            Some(_) | None => {
                let path =
                    Path { wait_ms: self.queue.wait_ms(), dispersion_bps: self.dispersion.bitrate_bps() };
                self.aimd.handle(now, usage, context, path);
            }
        }
        if self.aimd.take_rebase() {
            self.queue.rebase();
        }
        self.before = usage;
        was_draining.filter(|_| self.aimd.draining_from_bps().is_none())
    }

    /// Whether media comes in bursts that show what the path takes.
    pub(super) fn has_bursts(&self) -> bool {
        self.dispersion.bitrate_bps().is_some()
    }

    pub(super) fn is_over_used(&self) -> bool {
        self.before == Usage::Over
    }

    pub(super) fn target_bps(&self) -> f64 {
        self.aimd.target_bps()
    }

    /// Somebody else knows better.
    pub(super) fn set_target(&mut self, now: Instant, target_bps: f64) {
        self.aimd.set_target(now, target_bps);
    }
}
