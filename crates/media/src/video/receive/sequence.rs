/// A packet that is this much older than the newest one is no straggler.
const MAX_REORDERING: i64 = 1024;

/// A jump ahead that is larger than this is not bridged.
const MAX_GAP: i64 = 2048;

/// Where a packet stands in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    At(i64),
    /// The stream goes on from here and has nothing to do with what was before.
    Restarted(i64),
    TooOld,
}

/// Makes 16-bit sequence numbers continuous, and recognises a sender that starts anew (RFC 3550, appendix A.1).
#[derive(Debug, Default)]
pub(super) struct SequenceUnwrapper {
    newest: Option<i64>,
    /// After a packet that was far too old: the one that would prove a restart.
    restart_if: Option<u16>,
}

impl SequenceUnwrapper {
    pub(super) fn unwrap(&mut self, sequence: u16) -> Position {
        let Some(newest) = self.newest else {
            let first = i64::from(sequence);
            self.newest = Some(first);
            return Position::At(first);
        };
        let step = i64::from(sequence.wrapping_sub(newest as u16) as i16);
        let position = newest + step;
        if step > MAX_GAP {
            self.advance(position);
            return Position::Restarted(position);
        }
        if step >= -MAX_REORDERING {
            self.advance(position.max(newest));
            return Position::At(position);
        }
        if self.restart_if == Some(sequence) {
            // Continues above everything before, so that positions never repeat.
            let restarted = position + (1 << 16);
            self.advance(restarted);
            return Position::Restarted(restarted);
        }
        self.restart_if = Some(sequence.wrapping_add(1));
        Position::TooOld
    }

    fn advance(&mut self, newest: i64) {
        self.newest = Some(newest);
        self.restart_if = None;
    }
}

/// Makes 32-bit RTP timestamps continuous.
#[derive(Debug, Default)]
pub(super) struct TimestampUnwrapper {
    last: Option<i64>,
}

impl TimestampUnwrapper {
    pub(super) fn unwrap(&mut self, timestamp: u32) -> i64 {
        let unwrapped = match self.last {
            None => i64::from(timestamp),
            Some(last) => last + i64::from(timestamp.wrapping_sub(last as u32) as i32),
        };
        self.last = Some(unwrapped);
        unwrapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_over_the_wrap_in_any_order() {
        let mut unwrapper = SequenceUnwrapper::default();
        let positions = [65_534, 0, 65_535, 1].map(|sequence| unwrapper.unwrap(sequence));
        assert_eq!(positions, [65_534, 65_536, 65_535, 65_537].map(Position::At));
    }

    #[test]
    fn one_stray_is_dropped_and_a_restart_is_followed() {
        let mut unwrapper = SequenceUnwrapper::default();
        assert_eq!(unwrapper.unwrap(40_000), Position::At(40_000));
        assert_eq!(unwrapper.unwrap(20_000), Position::TooOld);
        assert_eq!(unwrapper.unwrap(40_001), Position::At(40_001));
        assert_eq!(unwrapper.unwrap(20_001), Position::TooOld, "the stray was forgotten");
        assert_eq!(unwrapper.unwrap(20_002), Position::Restarted(65_536 + 20_002));
        assert_eq!(unwrapper.unwrap(20_003), Position::At(65_536 + 20_003));
    }

    #[test]
    fn a_huge_jump_ahead_restarts() {
        let mut unwrapper = SequenceUnwrapper::default();
        assert_eq!(unwrapper.unwrap(0), Position::At(0));
        assert_eq!(unwrapper.unwrap(2048), Position::At(2048));
        assert_eq!(unwrapper.unwrap(4097), Position::Restarted(4097));
    }

    #[test]
    fn timestamps_go_on_over_the_wrap() {
        let mut unwrapper = TimestampUnwrapper::default();
        assert_eq!(unwrapper.unwrap(u32::MAX - 2999), i64::from(u32::MAX) - 2999);
        assert_eq!(unwrapper.unwrap(3000), i64::from(u32::MAX) + 3001);
        assert_eq!(unwrapper.unwrap(u32::MAX), i64::from(u32::MAX));
    }
}
