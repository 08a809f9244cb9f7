use std::collections::BTreeSet;

/// A stream that somebody plays (a sink input), as far as the choice needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Playing {
    pub(super) index: u32,
    /// A program, and not a part of the sound server itself, such as a loopback, an equaliser or a combined speaker: that
    /// would be heard twice, and may carry what this program plays.
    pub(super) by_program: bool,
    /// The process, as far as it is told.
    pub(super) process: Option<u32>,
}

/// What to do about the streams that are recorded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) begin: Vec<u32>,
    pub(super) end: Vec<u32>,
}

/// Records what programs play, but for the process `own`, given what is recorded so far. Pure.
pub(super) fn choose(playing: &[Playing], own: u32, recorded: &BTreeSet<u32>) -> Change {
    let wanted: BTreeSet<u32> = playing
        .iter()
        .filter(|stream| stream.by_program && stream.process != Some(own))
        .map(|stream| stream.index)
        .collect();
    Change {
        begin: wanted.difference(recorded).copied().collect(),
        end: recorded.difference(&wanted).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 1_000;

    fn program(index: u32, process: Option<u32>) -> Playing {
        Playing { index, by_program: true, process }
    }

    #[test]
    fn what_others_play_is_recorded_and_what_we_play_is_not() {
        let playing =
            [program(1, Some(OWN)), program(2, Some(2_000)), program(3, None), program(4, Some(OWN))];
        let change = choose(&playing, OWN, &BTreeSet::new());
        assert_eq!(change, Change { begin: vec![2, 3], end: vec![] });
    }

    #[test]
    fn what_the_server_plays_itself_is_left_out() {
        let loopback = Playing { index: 5, by_program: false, process: None };
        assert_eq!(choose(&[loopback], OWN, &BTreeSet::new()), Change::default());
    }

    #[test]
    fn streams_come_and_go() {
        let recorded = BTreeSet::from([2, 3]);
        let playing = [program(3, Some(2_000)), program(7, Some(3_000))];
        assert_eq!(choose(&playing, OWN, &recorded), Change { begin: vec![7], end: vec![2] });
        assert_eq!(choose(&playing, OWN, &BTreeSet::from([3, 7])), Change::default());
    }
}
