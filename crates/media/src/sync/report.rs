use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// From 1900, where NTP begins, to 1970.
const UNIX_EPOCH_SECONDS: u64 = 2_208_988_800;

/// A time by the clock of a sender: seconds since 1900 in 32.32 fixed point (RFC 3550 section 4). Another sender's clock
/// may show anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// What a clock that is right shows; it wraps around in 2036.
    pub fn at(time: SystemTime) -> Self {
        let unix = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
        Self(unix.as_secs().wrapping_add(UNIX_EPOCH_SECONDS) << 32 | fraction)
    }

    /// So much later.
    pub fn after(self, elapsed: Duration) -> Self {
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        Self(self.0.wrapping_add(elapsed.as_secs() << 32 | fraction))
    }

    pub(super) fn micros(self) -> i64 {
        let seconds = (self.0 >> 32) as i64;
        let fraction = ((self.0 & 0xffff_ffff) * 1_000_000) >> 32;
        seconds * 1_000_000 + fraction as i64
    }
}

/// What a sender's clock showed at an RTP timestamp of one of its streams (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    pub ntp: NtpTime,
    pub timestamp: u32,
}

impl SenderReport {
    /// What the clock showed at another timestamp, not more than half of the number space away, in microseconds.
    pub(super) fn captured_micros(self, timestamp: u32, clock_hz: u32) -> i64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        self.ntp.micros() + ticks * 1_000_000 / i64::from(clock_hz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_time_counts_from_1900_and_goes_on_in_fractions() {
        let time = NtpTime::at(UNIX_EPOCH + Duration::from_millis(1_500));
        assert_eq!(time, NtpTime((UNIX_EPOCH_SECONDS + 1) << 32 | 1 << 31));
        let later = time.after(Duration::from_millis(2_750));
        assert_eq!(later, NtpTime((UNIX_EPOCH_SECONDS + 4) << 32 | 1 << 30));
        assert_eq!(later.micros() - time.micros(), 2_750_000);
    }

    #[test]
    fn timestamps_before_and_after_a_report_are_told_across_the_wrap_around() {
        let report = SenderReport { ntp: NtpTime(1_000 << 32), timestamp: 10 };
        let captured = |timestamp| report.captured_micros(timestamp, 90_000);
        assert_eq!(captured(10 + 90_000), 1_001_000_000);
        assert_eq!(captured(10_u32.wrapping_sub(45_000)), 999_500_000);
    }
}
