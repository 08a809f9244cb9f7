//! Sending a cluster of packets at a bitrate of its own (libwebrtc's `BitrateProber`).

use std::time::{Duration, Instant};

use crate::ProbeCluster;

/// A cluster that did not get its packets within this time is given up.
const PATIENCE: Duration = Duration::from_secs(1);
/// What one packet of a probe should at least take at its bitrate; less, and timers decide the rate.
const MIN_PACKET: Duration = Duration::from_millis(2);
const MIN_PACKET_BYTES: usize = 200;
/// How soon padding is asked for again when none came.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// A cluster on its way.
#[derive(Debug)]
pub(super) struct ActiveProbe {
    cluster: ProbeCluster,
    asked_for_at: Instant,
    /// When its first packet left.
    started: Option<Instant>,
    sent_bytes: usize,
    sent_packets: u32,
    padding_asked_at: Option<Instant>,
    /// When nothing waited although a packet was due.
    starved_at: Option<Instant>,
}

impl ActiveProbe {
    pub(super) fn new(now: Instant, cluster: ProbeCluster) -> Self {
        Self {
            cluster,
            asked_for_at: now,
            started: None,
            sent_bytes: 0,
            sent_packets: 0,
            padding_asked_at: None,
            starved_at: None,
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.cluster.id
    }

    /// When its next packet leaves; `None` if the first one may leave at once.
    pub(super) fn due(&self) -> Option<Instant> {
        let started = self.started?;
        let seconds = self.sent_bytes as f64 * 8.0 / self.cluster.bitrate_bps.max(1) as f64;
        Some(started + Duration::from_secs_f64(seconds))
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due().is_none_or(|due| now >= due)
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        let complete =
            self.sent_packets >= self.cluster.min_packets && self.sent_bytes >= self.cluster.min_bytes;
        complete || now.saturating_duration_since(self.started.unwrap_or(self.asked_for_at)) > PATIENCE
    }

    pub(super) fn handle_sent(&mut self, now: Instant, size: usize) {
        self.started.get_or_insert(now);
        self.sent_bytes += size;
        self.sent_packets += 1;
        (self.padding_asked_at, self.starved_at) = (None, None);
    }

    pub(super) fn handle_starved(&mut self, now: Instant) {
        if self.is_due(now) {
            self.starved_at = Some(now);
        }
    }

    /// Bytes of the packet that would keep the bitrate.
    pub(super) fn ask_for_padding(&mut self, now: Instant) -> usize {
        self.padding_asked_at = Some(now);
        let bytes = self.cluster.bitrate_bps as f64 / 8.0 * MIN_PACKET.as_secs_f64();
        (bytes as usize).max(MIN_PACKET_BYTES)
    }

    /// When padding should be asked for if no packet waits.
    pub(super) fn padding_due(&self) -> Instant {
        let due = self.due().unwrap_or(self.asked_for_at);
        self.padding_asked_at.map_or(due, |asked| due.max(asked + ASK_AGAIN))
    }

    /// The same for a timer: a caller that has no padding must not spin.
    pub(super) fn wake_at(&self) -> Instant {
        self.starved_at.map_or(self.padding_due(), |at| self.padding_due().max(at + ASK_AGAIN))
    }
}
