//! How often each packet of a picture is sent on a path that loses much.

use std::time::{Duration, Instant};

/// What is sent more than once.
///
/// A repair that is lost itself costs another round trip, and a picture of several packets waits for the last of them:
/// where a tenth is lost, pictures stand still unless what repairs them is sent twice. Copies need nothing of the far
/// side but RFC 4588; they leave a little later than the original, since losses come in bursts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Protection {
    /// Nothing.
    #[default]
    Single,
    /// What is asked for.
    Answers,
    /// Everything, before it is asked for, and what is asked for even so.
    Everything,
}

impl Protection {
    /// Share of what the path takes that is left to what is sent for the first time, on a path that loses this share.
    pub fn share_of_media(self, loss: f64) -> f64 {
        match self {
            // A little repair is what the encoders leave room for anyway.
            Self::Single => 1.0,
            Self::Answers => 1.0 / (1.0 + 2.0 * loss),
            Self::Everything => 1.0 / (2.0 + 2.0 * loss * loss),
        }
    }
}

/// From this loss on answers are sent twice.
const ANSWERS_FROM: f64 = 0.04;
/// Below this target nothing is sent twice: sound and the least pictures fill it, and what is added to that is the loss.
const LEAST_TARGET_BPS: f64 = 180e3;
/// From this loss on everything is.
const EVERYTHING_FROM: f64 = 0.08;
/// A level is left below this share of where it begins.
const LEFT_BELOW: f64 = 0.6;
/// How long everything would have to be sent twice before it is. A queue that overflows loses as much until the target
/// has followed.
const PATIENCE: Duration = Duration::from_secs(3);

/// Chooses the protection by the loss.
#[derive(Debug, Default)]
pub(crate) struct ProtectionLadder {
    chosen: Protection,
    /// Since when everything would have been sent twice.
    much_since: Option<Instant>,
}

impl ProtectionLadder {
    pub(crate) fn chosen(&self) -> Protection {
        self.chosen
    }

    /// The share of packets that was lost over the last seconds, and what the path takes.
    pub(crate) fn handle_loss(&mut self, now: Instant, loss: f64, target_bps: f64) {
        let loss = if target_bps < LEAST_TARGET_BPS { 0.0 } else { loss };
        let stays = |level, from: f64| loss >= if self.chosen >= level { LEFT_BELOW * from } else { from };
        let answers = stays(Protection::Answers, ANSWERS_FROM);
        let much = stays(Protection::Everything, EVERYTHING_FROM);
        self.much_since = self.much_since.or(Some(now)).filter(|_| much);
        let for_long = self.much_since.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE);
        self.chosen = match (answers, for_long) {
            (_, true) => Protection::Everything,
            (true, false) => Protection::Answers,
            (false, false) => Protection::Single,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is chosen at the end of each second of these losses in percent.
    fn chosen(percents: impl IntoIterator<Item = u32>) -> Vec<Protection> {
        chosen_at(1e6, percents)
    }

    fn chosen_at(target_bps: f64, percents: impl IntoIterator<Item = u32>) -> Vec<Protection> {
        let start = Instant::now();
        let mut ladder = ProtectionLadder::default();
        let mut at = |second: usize, percent: u32| {
            for tenth in 0..10 {
                let now = start + Duration::from_millis(second as u64 * 1000 + tenth * 100);
                ladder.handle_loss(now, f64::from(percent) / 100.0, target_bps);
            }
            ladder.chosen()
        };
        percents.into_iter().enumerate().map(|(second, percent)| at(second, percent)).collect()
    }

    use Protection::{Answers, Everything, Single};

    #[test]
    fn a_little_loss_is_repaired_once() {
        assert_eq!(chosen([0, 1, 2, 3]), [Single; 4]);
    }

    #[test]
    fn what_repairs_more_is_sent_twice_at_once() {
        assert_eq!(chosen([0, 5, 3, 5, 2]), [Single, Answers, Answers, Answers, Single]);
    }

    #[test]
    fn everything_is_sent_twice_where_much_is_lost_for_long() {
        assert_eq!(
            chosen([20, 20, 20, 20, 6, 4]),
            [Answers, Answers, Answers, Everything, Everything, Answers]
        );
        assert_eq!(chosen([20, 20, 1, 20, 20]), [Answers, Answers, Single, Answers, Answers]);
    }

    #[test]
    fn a_path_that_takes_little_has_no_room_for_copies() {
        assert_eq!(chosen_at(100e3, [20; 5]), [Single; 5]);
    }

    #[test]
    fn media_gives_up_what_protection_takes() {
        assert_eq!(Single.share_of_media(0.03), 1.0);
        assert!((Answers.share_of_media(0.05) - 0.91).abs() < 0.01);
        assert!((Everything.share_of_media(0.2) - 0.48).abs() < 0.01);
    }
}
