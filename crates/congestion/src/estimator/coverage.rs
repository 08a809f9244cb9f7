//! How much of what was sent the reports speak of: what a lost report would have said is never told.

use super::PacketReport;

/// Packets over which it is measured.
const WINDOW: f64 = 500.0;
/// Less is not believed: it would more than double what got through.
const LEAST: f64 = 0.5;

/// A share of packets, by their numbers: each is told of once, or never.
#[derive(Debug)]
pub(super) struct Coverage {
    newest: Option<u64>,
    share: f64,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { newest: None, share: 1.0 }
    }
}

impl Coverage {
    /// Takes a report, packets in the order they were sent.
    pub(super) fn handle_reports(&mut self, reports: &[PacketReport]) {
        let Some(last) = reports.iter().map(|report| report.sequence_number).max() else { return };
        let Some(newest) = self.newest else {
            self.newest = Some(last);
            return;
        };
        if last <= newest {
            return;
        }
        self.newest = Some(last);
        let sent = (last - newest) as f64;
        let told = reports.iter().filter(|report| report.sequence_number > newest).count() as f64;
        let weight = (sent / WINDOW).min(1.0);
        self.share += weight * ((told / sent).min(1.0) - self.share);
    }

    /// Of the last packets, 0.5 to 1.
    pub(super) fn share(&self) -> f64 {
        self.share.max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// The share after reports on ten packets each, of which those that `is_lost` says never come.
    fn share(is_lost: impl Fn(u64) -> bool) -> f64 {
        let start = Instant::now();
        let mut coverage = Coverage::default();
        for report in (0..300).filter(|report| !is_lost(*report)) {
            let packets: Vec<_> = (report * 10..report * 10 + 10)
                .map(|sequence_number| PacketReport {
                    sequence_number,
                    size: 1000,
                    departure: start + Duration::from_millis(sequence_number),
                    arrival: None,
                    probe_cluster: None,
                })
                .collect();
            coverage.handle_reports(&packets);
            // A packet that was late is told of again.
            coverage.handle_reports(&packets[5..6]);
        }
        coverage.share()
    }

    #[test]
    fn all_is_told_while_no_report_is_lost() {
        assert_eq!(share(|_| false), 1.0);
    }

    #[test]
    fn a_fifth_of_the_reports_is_a_fifth_of_the_packets() {
        let share = share(|report| report % 5 == 0);
        assert!((0.77..0.83).contains(&share), "{share}");
    }

    #[test]
    fn no_path_is_believed_to_lose_more_than_half() {
        assert_eq!(share(|report| report % 10 != 0), 0.5);
    }
}
