use std::time::{Duration, Instant};

/// What one more packet weighs: capture times jitter by what a device delivers at once, and drift slowly.
const WEIGHT: f64 = 1.0 / 32.0;

/// A time that is so far off is that of a stream that was interrupted, and holds at once.
const JUMP_SECONDS: f64 = 0.04;

/// When a sent stream's RTP timestamps were captured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptureClock {
    clock_hz: u32,
    /// A timestamp and when, evened out over the packets before it, it was captured.
    timestamp: u32,
    captured: Instant,
}

impl CaptureClock {
    /// Begins with a packet.
    pub fn new(clock_hz: u32, timestamp: u32, captured: Instant) -> Self {
        Self { clock_hz, timestamp, captured }
    }

    /// Learns from the next packet.
    pub fn handle_packet(&mut self, timestamp: u32, captured: Instant) {
        let ticks = timestamp.wrapping_sub(self.timestamp) as i32;
        let expected = shifted(self.captured, f64::from(ticks) / f64::from(self.clock_hz));
        let off = signed_seconds(captured, expected);
        self.timestamp = timestamp;
        self.captured = if off.abs() > JUMP_SECONDS { captured } else { shifted(expected, off * WEIGHT) };
    }

    /// The timestamp of what is captured at `now`.
    pub fn timestamp_at(&self, now: Instant) -> u32 {
        let ticks = signed_seconds(now, self.captured) * f64::from(self.clock_hz);
        self.timestamp.wrapping_add(ticks.round() as i64 as u32)
    }
}

fn signed_seconds(later: Instant, earlier: Instant) -> f64 {
    match later.checked_duration_since(earlier) {
        Some(after) => after.as_secs_f64(),
        None => -earlier.duration_since(later).as_secs_f64(),
    }
}

fn shifted(at: Instant, seconds: f64) -> Instant {
    let distance = Duration::from_secs_f64(seconds.abs());
    if seconds < 0.0 { at.checked_sub(distance).unwrap_or(at) } else { at + distance }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    #[test]
    fn timestamps_go_on_from_the_last_packet_by_the_clock_across_the_wrap_around() {
        let start = Instant::now();
        let mut clock = CaptureClock::new(48_000, u32::MAX - 479, start);
        clock.handle_packet(480, start + PACKET);
        assert_eq!(clock.timestamp_at(start + PACKET * 2), 480 + 960);
        assert_eq!(clock.timestamp_at(start), u32::MAX - 479, "what was captured before");
    }

    #[test]
    fn jitter_of_the_capture_time_is_evened_out() {
        let start = Instant::now();
        let mut clock = CaptureClock::new(48_000, 0, start);
        for n in 1..500_u32 {
            clock.handle_packet(n * 960, start + PACKET * n + Duration::from_millis(u64::from(n % 5) * 2));
        }
        let late = 499 * 960 - i64::from(clock.timestamp_at(start + PACKET * 499));
        assert!((late - 4 * 48).abs() < 48, "the mean of 0 to 8 ms, in ticks: {late}");
    }

    #[test]
    fn a_clock_that_runs_fast_is_followed() {
        let start = Instant::now();
        let mut clock = CaptureClock::new(48_000, 0, start);
        // 200 ppm, over ten minutes: 120 ms.
        for n in 1..30_000_u32 {
            clock.handle_packet(n * 960, start + Duration::from_nanos(19_996_000) * n);
        }
        let now = start + Duration::from_nanos(19_996_000) * 29_999;
        let off = i64::from(clock.timestamp_at(now)) - 29_999 * 960;
        assert!(off.abs() < 48, "{off} ticks");
    }

    #[test]
    fn after_an_interruption_the_new_time_holds() {
        let start = Instant::now();
        let mut clock = CaptureClock::new(48_000, 0, start);
        clock.handle_packet(960, start + Duration::from_secs(1));
        assert_eq!(clock.timestamp_at(start + Duration::from_secs(1)), 960);
    }
}
