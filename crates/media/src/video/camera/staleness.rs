use std::time::Duration;

/// A picture that is this much older than the freshest one was queued in the driver while the camera or the reader
/// stood still.
const STALE: Duration = Duration::from_millis(300);

/// An age that no driver's own delay explains: the camera's clock is not the system's.
const IMPLAUSIBLE: Duration = Duration::from_secs(1);

/// Tells old pictures from new ones by the age that the driver gives them.
#[derive(Debug, Default)]
pub(super) struct Staleness {
    freshest: Option<Duration>,
}

impl Staleness {
    /// The delay between the exposure and now of a picture of this age, or `None` if it is to be dropped.
    pub(super) fn judge(&mut self, age: Duration) -> Option<Duration> {
        let freshest = self.freshest.map_or(age, |freshest| freshest.min(age));
        self.freshest = Some(freshest);
        if age > freshest + STALE {
            None
        } else if freshest > IMPLAUSIBLE {
            Some(age - freshest)
        } else {
            Some(age)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged<const N: usize>(ages_ms: [u64; N]) -> [Option<u64>; N] {
        let mut staleness = Staleness::default();
        ages_ms.map(|age| {
            staleness
                .judge(Duration::from_millis(age))
                .map(|delay| u64::try_from(delay.as_millis()).expect("small"))
        })
    }

    #[test]
    fn the_burst_after_a_stall_is_dropped() {
        assert_eq!(judged([20, 25, 1500, 1430, 330, 30]), [Some(20), Some(25), None, None, None, Some(30)]);
    }

    #[test]
    fn a_clock_of_its_own_is_tolerated() {
        assert_eq!(judged([9_000_000, 9_000_010, 9_000_700]), [Some(0), Some(10), None]);
    }
}
