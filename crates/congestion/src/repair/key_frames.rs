//! One key frame for all who ask at a time (RFC 4585 section 6.3.1, RFC 5104 section 4.3.1).

use std::time::{Duration, Instant};

const MIN_INTERVAL: Duration = Duration::from_millis(300);

/// Collects the requests of all receivers of one encoder.
#[derive(Debug, Default)]
pub struct KeyFrameRequests {
    rtt: Duration,
    is_wanted: bool,
    /// When a key frame was last made.
    made_at: Option<Instant>,
}

impl KeyFrameRequests {
    /// Of the slowest receiver: before it has passed, a request may be for the key frame that is on its way.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// A PLI or FIR came, or the own pacer dropped a frame.
    pub fn handle_request(&mut self) {
        self.is_wanted = true;
    }

    /// The encoder made a key frame, asked for or not.
    pub fn handle_key_frame(&mut self, now: Instant) {
        self.is_wanted = false;
        self.made_at = Some(now);
    }

    /// Whether to make a key frame now. A request that comes too early is not lost, it waits.
    pub fn poll_key_frame(&mut self, now: Instant) -> bool {
        let is_due = self.poll_timeout().is_some_and(|due| now >= due);
        let is_wanted = self.is_wanted && (self.made_at.is_none() || is_due);
        if is_wanted {
            self.handle_key_frame(now);
        }
        is_wanted
    }

    /// When a request that waits is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.made_at.filter(|_| self.is_wanted).map(|at| at + self.rtt.max(MIN_INTERVAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_at_one_time_are_answered_by_one_key_frame() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut requests = KeyFrameRequests::default();
        let mut made = Vec::new();
        for ms in 0..1000u64 {
            if ms < 500 && ms % 10 == 0 {
                requests.handle_request();
            }
            if requests.poll_key_frame(at(ms)) {
                made.push(ms);
            }
        }
        assert_eq!(made, [0, 300, 600]);
    }

    #[test]
    fn the_first_request_does_not_wait() {
        let mut requests = KeyFrameRequests::default();
        assert!(!requests.poll_key_frame(Instant::now()));
        requests.handle_request();
        assert_eq!(requests.poll_timeout(), None);
        assert!(requests.poll_key_frame(Instant::now()));
    }

    #[test]
    fn a_long_round_trip_lengthens_the_interval() {
        let start = Instant::now();
        let mut requests = KeyFrameRequests::default();
        requests.set_rtt(Duration::from_millis(800));
        requests.handle_key_frame(start);
        requests.handle_request();
        assert!(!requests.poll_key_frame(start + Duration::from_millis(799)));
        assert!(requests.poll_key_frame(start + Duration::from_millis(800)));
    }
}
