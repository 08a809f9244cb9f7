//! The qualities of a picture, and the bitrates and sources for which each is worth having.

/// A quality, and the bitrates in bit/s between which it is worth having.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rung {
    pub(super) frames_per_second: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Below: the next rung down looks better.
    pub(super) min_bps: u64,
    /// More brings nothing that a viewer sees.
    pub(super) max_bps: u64,
}

impl Rung {
    /// Pixels a second: what encoding costs grows with them.
    pub(super) fn pixel_rate(self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.frames_per_second)
    }
}

/// From best to least. Of two sizes the larger one looks better at the same rate down to surprisingly little: at 60 kbit/s
/// 640x360 at 10 scores 58 to 72 by VMAF, 320x180 at 10 36 to 63 (a grainy and a smooth clip). So a size is left only where
/// libvpx begins to drop its pictures.
pub(super) const LADDER: [Rung; 12] = [
    rung(30, 1280, 720, 1_600_000, 2_500_000),
    rung(20, 1280, 720, 1_200_000, 2_000_000),
    rung(30, 960, 540, 800_000, 1_800_000),
    rung(20, 960, 540, 450_000, 1_600_000),
    rung(15, 960, 540, 220_000, 1_500_000),
    rung(30, 640, 360, 200_000, 1_000_000),
    rung(15, 640, 360, 90_000, 800_000),
    rung(10, 640, 360, 60_000, 400_000),
    rung(7, 640, 360, 40_000, 250_000),
    rung(15, 320, 180, 30_000, 200_000),
    rung(10, 320, 180, 15_000, 150_000),
    rung(7, 320, 180, 0, 80_000),
];

/// Where a call begins: 640x360 at 15 frames a second.
pub(super) const FIRST: usize = 6;

const fn rung(frames_per_second: u32, width: u32, height: u32, min_bps: u64, max_bps: u64) -> Rung {
    Rung { frames_per_second, width, height, min_bps, max_bps }
}

/// The best that the source of the pictures can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    pub frames_per_second: u32,
    pub width: u32,
    pub height: u32,
}

impl SourceLimits {
    /// The best rung that is no more than this source can fill. A source between two sizes takes the larger, and sends
    /// its own size there; one that is slower than a rung takes the rung if it is faster than the next slower one.
    pub(super) fn best_rung(self) -> usize {
        let fills = |index: usize| {
            let rung = LADDER[index];
            let smaller = LADDER[index..].iter().find(|other| other.height < rung.height);
            let slower = LADDER[index..].iter().find(|other| {
                other.height == rung.height && other.frames_per_second < rung.frames_per_second
            });
            smaller.is_none_or(|smaller| self.width > smaller.width && self.height > smaller.height)
                && slower.is_none_or(|slower| self.frames_per_second > slower.frames_per_second)
        };
        (0..LADDER.len()).find(|&index| fills(index)).unwrap_or(LADDER.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(frames_per_second: u32, width: u32, height: u32) -> (u32, u32) {
        let rung = LADDER[SourceLimits { frames_per_second, width, height }.best_rung()];
        (rung.frames_per_second, rung.height)
    }

    #[test]
    fn a_source_takes_the_best_rung_that_it_fills() {
        assert_eq!(best(60, 1920, 1080), (30, 720));
        assert_eq!(best(30, 1280, 720), (30, 720));
        assert_eq!(best(25, 1280, 720), (30, 720));
        assert_eq!(best(15, 1280, 720), (20, 720));
        assert_eq!(best(30, 960, 540), (30, 540));
        assert_eq!(best(15, 960, 540), (15, 540));
        assert_eq!(best(30, 640, 480), (30, 360), "no wider than a smaller rung");
        assert_eq!(best(30, 640, 360), (30, 360));
        assert_eq!(best(15, 640, 360), (15, 360));
        assert_eq!(best(15, 320, 240), (15, 180));
        assert_eq!(best(5, 100, 60), (7, 180));
        assert_eq!(best(0, 0, 0), (7, 180));
    }

    #[test]
    fn every_rung_costs_less_than_the_one_above_it() {
        for pair in LADDER.windows(2) {
            assert!(pair[0].min_bps > pair[1].min_bps && pair[0].max_bps > pair[1].max_bps);
            assert!(pair[0].max_bps > pair[0].min_bps && pair[1].max_bps > pair[0].min_bps);
            assert!(pair[0].height >= pair[1].height);
        }
        assert_eq!((LADDER[FIRST].frames_per_second, LADDER[FIRST].height), (15, 360));
    }
}
