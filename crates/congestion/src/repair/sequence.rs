//! 16-bit sequence numbers without their wrap.

/// Follows a stream's sequence numbers (RFC 3550 appendix A.1).
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    newest: Option<u64>,
}

impl Unwrapper {
    /// The number that is nearest to the newest. Never below zero: the first number begins well above.
    pub(super) fn unwrap(&mut self, sequence_number: u16) -> u64 {
        let unwrapped = match self.newest {
            None => u64::from(sequence_number) + (1 << 16),
            Some(newest) => {
                let distance = sequence_number.wrapping_sub(newest as u16).cast_signed();
                newest.saturating_add_signed(i64::from(distance))
            }
        };
        self.newest = Some(self.newest.map_or(unwrapped, |newest| newest.max(unwrapped)));
        unwrapped
    }

    /// The number that it would have, when nothing is to be learnt from it.
    pub(super) fn peek(&self, sequence_number: u16) -> Option<u64> {
        Self { newest: Some(self.newest?) }.unwrap(sequence_number).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_wraps_and_reordering() {
        let mut unwrapper = Unwrapper::default();
        let first = unwrapper.unwrap(65_534);
        let seen: Vec<_> = [65_535, 1, 0, 2, 65_533]
            .into_iter()
            .map(|number| unwrapper.unwrap(number) as i64 - first as i64)
            .collect();
        assert_eq!(seen, [1, 3, 2, 4, -1]);
    }
}
