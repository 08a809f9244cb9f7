//! When packets leave: sound at once, repairs before pictures, a camera's before a screen's, pictures spread over time
//! instead of in bursts of a frame.
//!
//! A leaky bucket in the manner of libwebrtc's `PacingController`. It is generic over the packet and never looks into
//! it. It holds no more than the target lets out within a bounded time: what is queued beyond that leaves faster, and
//! pictures that were made for a rate that is gone are dropped, whole frames at a time.

mod probe;
mod queue;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use self::probe::ActiveProbe;
use self::queue::{Queue, Waiting};
use crate::ProbeCluster;

/// Packets may leave this much ahead of the rate, so that a timer need not wake for each.
const BURST: Duration = Duration::from_millis(5);
/// How much faster than the pace a long queue leaves.
const MAX_HURRY: f64 = 2.0;
/// The queue leaves within no less than this, however late it is.
const MIN_DRAIN: Duration = Duration::from_millis(10);
/// Times the target at which a screen leaves while nothing else waits. Its key frames are large: faster, they would fill
/// any queue on the way.
const SCREEN_FACTOR: f64 = 1.25;
/// How many times longer than the camera's its packets may wait.
const SCREEN_PATIENCE: u32 = 3;
/// A frame made for this many times the target was made for another path.
const STALE_TARGET: f64 = 1.5;

const MAX_WAITING_PROBES: usize = 4;

/// What a packet carries; the order is the priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Never waits, but counts.
    Audio,
    Retransmission,
    /// All packets of a frame carry the same number, and come one after the other.
    Video {
        frame: u64,
    },
    /// As for video.
    Screen {
        frame: u64,
    },
    /// What fills up a probe.
    Padding,
}

impl Class {
    /// The frame that it is a part of.
    fn frame(self) -> Option<u64> {
        match self {
            Self::Video { frame } | Self::Screen { frame } => Some(frame),
            Self::Audio | Self::Retransmission | Self::Padding => None,
        }
    }
}

/// The frames of one source of pictures.
#[derive(Debug, Default)]
struct Frames {
    /// The frame of the last packet that left.
    sending: Option<u64>,
    /// The frame of the last packet that came.
    coming: Option<u64>,
    dropped: u64,
}

/// How packets are paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacerConfig {
    /// Times the target at which a queue leaves.
    pub factor: f64,
    /// How long a packet may wait before the queue leaves faster.
    pub max_wait: Duration,
    /// How long a packet may wait before frames are dropped.
    pub max_age: Duration,
}

impl Default for PacerConfig {
    fn default() -> Self {
        Self { factor: 2.5, max_wait: Duration::from_millis(250), max_age: Duration::from_secs(2) }
    }
}

/// A packet that leaves now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paced<P> {
    pub packet: P,
    pub class: Class,
    /// Bytes on the wire.
    pub size: usize,
    /// The probe that it is part of.
    pub probe_cluster: Option<u32>,
}

/// The pacer of one transport.
#[derive(Debug)]
pub struct Pacer<P> {
    config: PacerConfig,
    target_bps: u64,
    queue: Queue<P>,
    /// Bytes sent ahead of the rate, at `paid_at`.
    debt_bytes: f64,
    paid_at: Option<Instant>,
    video: Frames,
    screen: Frames,
    probe: Option<ActiveProbe>,
    next_probes: VecDeque<ProbeCluster>,
}

impl<P> Pacer<P> {
    pub fn new(config: PacerConfig, target_bps: u64) -> Self {
        Self {
            config,
            target_bps,
            queue: Queue::default(),
            debt_bytes: 0.0,
            paid_at: None,
            video: Frames::default(),
            screen: Frames::default(),
            probe: None,
            next_probes: VecDeque::new(),
        }
    }

    /// Takes a packet of `size` bytes on the wire.
    pub fn enqueue(&mut self, now: Instant, class: Class, size: usize, packet: P) {
        self.pay(now);
        match class {
            Class::Video { frame } if self.video.coming.replace(frame) != Some(frame) => {
                self.drop_overdue_video(now);
            }
            Class::Screen { frame } if self.screen.coming.replace(frame) != Some(frame) => {
                self.drop_overdue_screen(now);
            }
            Class::Audio
            | Class::Retransmission
            | Class::Video { .. }
            | Class::Screen { .. }
            | Class::Padding => {}
        }
        self.queue.push(Waiting { packet, class, size, since: now, target_bps: self.target_bps });
    }

    /// The estimate moved. A fall drops the frames that were made for more, if they would wait too long now.
    pub fn set_target(&mut self, now: Instant, target_bps: u64) {
        self.pay(now);
        self.target_bps = target_bps;
        let limit = target_bps as f64 * STALE_TARGET;
        let is_stale = |waiting: &Waiting<P>| waiting.target_bps as f64 > limit;
        if self.video_time() > self.config.max_wait {
            self.drop_video(is_stale);
        }
        if self.queue_time() > self.config.max_wait {
            self.drop_screen(is_stale);
        }
    }

    /// Sends packets at the cluster's bitrate, after the clusters that were asked for before.
    pub fn start_probe(&mut self, now: Instant, cluster: ProbeCluster) {
        if self.next_probes.len() < MAX_WAITING_PROBES {
            self.next_probes.push_back(cluster);
        }
        self.advance_probe(now);
    }

    /// The next packet that leaves by `now`; ask until there is none.
    pub fn poll_packet(&mut self, now: Instant) -> Option<Paced<P>> {
        self.pay(now);
        self.advance_probe(now);
        let waiting = match self.queue.pop_audio() {
            Some(audio) => audio,
            None => match self.pop_due(now) {
                Some(paced) => paced,
                None => {
                    if let Some(probe) = &mut self.probe {
                        probe.handle_starved(now);
                    }
                    return None;
                }
            },
        };
        match waiting.class {
            Class::Video { frame } => self.video.sending = Some(frame),
            Class::Screen { frame } => self.screen.sending = Some(frame),
            Class::Audio | Class::Retransmission | Class::Padding => {}
        }
        self.debt_bytes += waiting.size as f64;
        let probe_cluster = self.probe.as_mut().map(|probe| {
            probe.handle_sent(now, waiting.size);
            probe.id()
        });
        self.advance_probe(now);
        Some(Paced { packet: waiting.packet, class: waiting.class, size: waiting.size, probe_cluster })
    }

    /// Bytes of padding that a probe wants now because nothing else waits: enqueue about that much, then poll again.
    pub fn padding_wanted(&mut self, now: Instant) -> Option<usize> {
        self.advance_probe(now);
        let is_idle = !self.queue.has_audio() && !self.queue.has_paced();
        let probe = self.probe.as_mut().filter(|probe| is_idle && now >= probe.padding_due())?;
        Some(probe.ask_for_padding(now))
    }

    /// How many frames of the camera were dropped since this was last asked: whoever decodes needs a key frame then.
    pub fn poll_dropped_frames(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.video.dropped)).filter(|frames| *frames > 0)
    }

    /// The same of the screen's.
    pub fn poll_dropped_screen_frames(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.screen.dropped)).filter(|frames| *frames > 0)
    }

    /// When to ask for a packet or for padding again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let paid_at = self.paid_at?;
        if self.queue.has_audio() {
            return Some(paid_at);
        }
        match (&self.probe, self.queue.has_paced()) {
            (Some(probe), true) => Some(probe.due().unwrap_or(paid_at)),
            (Some(probe), false) => Some(probe.wake_at()),
            (None, true) => {
                let bytes_per_s = self.rate_bps(paid_at) / 8.0;
                let ahead = self.debt_bytes - bytes_per_s * BURST.as_secs_f64();
                Some(paid_at + Duration::from_secs_f64((ahead / bytes_per_s).max(0.0)))
            }
            (None, false) => None,
        }
    }

    /// How long what is queued takes at the pace.
    pub fn queue_time(&self) -> Duration {
        Duration::from_secs_f64(self.queue.paced_bytes() as f64 * 8.0 / self.pace_bps())
    }

    /// The same of what leaves before the screen.
    fn video_time(&self) -> Duration {
        Duration::from_secs_f64(self.video_bytes() as f64 * 8.0 / self.pace_bps())
    }

    fn video_bytes(&self) -> usize {
        self.queue.paced_bytes() - self.queue.screen_bytes()
    }

    fn pop_due(&mut self, now: Instant) -> Option<Waiting<P>> {
        let is_due = match &self.probe {
            Some(probe) => probe.is_due(now),
            None => {
                // Rounding of the timeout must not make a waker spin.
                let allowed = self.rate_bps(now) / 8.0 * BURST.as_secs_f64() + 1.0;
                self.debt_bytes <= allowed
            }
        };
        if is_due { self.queue.pop_paced() } else { None }
    }

    fn pace_bps(&self) -> f64 {
        (self.target_bps as f64 * self.config.factor).max(1_000.0)
    }

    /// The pace, or what empties the queue in time.
    fn rate_bps(&self, now: Instant) -> f64 {
        let pace = self.pace_bps();
        let Some(oldest) = self.queue.oldest() else {
            let is_screen = self.queue.screen_bytes() > 0;
            return if is_screen { pace * SCREEN_FACTOR / self.config.factor } else { pace };
        };
        let age = now.saturating_duration_since(oldest);
        let left = self.config.max_wait.saturating_sub(age).max(MIN_DRAIN);
        let needed = self.video_bytes() as f64 * 8.0 / left.as_secs_f64();
        needed.clamp(pace, MAX_HURRY * pace)
    }

    fn pay(&mut self, now: Instant) {
        let since = self.paid_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.debt_bytes = (self.debt_bytes - self.rate_bps(now) / 8.0 * since.as_secs_f64()).max(0.0);
        self.paid_at = Some(self.paid_at.map_or(now, |at| at.max(now)));
    }

    fn drop_overdue_video(&mut self, now: Instant) {
        let waited =
            self.queue.oldest().map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest));
        if waited > self.config.max_age || self.video_time() > self.config.max_age {
            self.drop_video(|_| true);
        }
    }

    fn drop_overdue_screen(&mut self, now: Instant) {
        let oldest = self.queue.oldest_of_screen();
        let waited = oldest.map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest));
        let max_age = self.config.max_age * SCREEN_PATIENCE;
        if waited > max_age || self.queue_time() > max_age {
            self.drop_screen(|_| true);
        }
    }

    /// A frame of which a part has left is finished; of what comes after it, `is_stale` decides.
    fn drop_video(&mut self, is_stale: impl Fn(&Waiting<P>) -> bool) {
        let sending = self.video.sending;
        self.video.dropped +=
            self.queue.drop_video(|waiting| waiting.class.frame() != sending && is_stale(waiting));
    }

    fn drop_screen(&mut self, is_stale: impl Fn(&Waiting<P>) -> bool) {
        let sending = self.screen.sending;
        self.screen.dropped +=
            self.queue.drop_screen(|waiting| waiting.class.frame() != sending && is_stale(waiting));
    }

    fn advance_probe(&mut self, now: Instant) {
        if self.probe.as_ref().is_some_and(|probe| probe.is_over(now)) {
            self.probe = None;
        }
        if self.probe.is_none()
            && let Some(cluster) = self.next_probes.pop_front()
        {
            self.paid_at.get_or_insert(now);
            self.probe = Some(ActiveProbe::new(now, cluster));
        }
    }
}
