//! What the sound of a shared screen gets of a bitrate. It is music, so it wants more than a voice; it is not the talk, so it
//! gives way before the voice does, and is left out before the pictures are.

use super::audio::HEADER_BITS;

/// Packets of 20 ms.
const PACKETS_PER_SECOND: f64 = 50.0;

/// What Opus gets, from this total of everything that is sent on, both in bit/s.
struct Rung {
    from_bps: u64,
    bitrate_bps: u32,
}

/// From best to least.
const LADDER: [Rung; 5] = [
    Rung { from_bps: 700_000, bitrate_bps: 64_000 },
    Rung { from_bps: 450_000, bitrate_bps: 48_000 },
    Rung { from_bps: 300_000, bitrate_bps: 32_000 },
    Rung { from_bps: 200_000, bitrate_bps: 24_000 },
    Rung { from_bps: 0, bitrate_bps: 0 },
];

/// A better rung is taken with this much to spare.
const CLIMB_MARGIN: f64 = 1.2;

/// What the encoder of a screen's sound is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScreenSoundTarget {
    /// Of Opus alone, in bit/s; 0 is no sound at all.
    pub bitrate_bps: u32,
}

impl ScreenSoundTarget {
    /// With all headers, on the wire, in bit/s.
    pub const fn wire_bps(self) -> u64 {
        if self.bitrate_bps == 0 {
            return 0;
        }
        self.bitrate_bps as u64 + (PACKETS_PER_SECOND * HEADER_BITS) as u64
    }
}

/// Chooses how a screen's sound is sent; one for each encoder.
#[derive(Debug)]
pub struct ScreenSoundLadder {
    rung: usize,
}

impl Default for ScreenSoundLadder {
    /// Begins in the middle, before anything is known.
    fn default() -> Self {
        Self { rung: 2 }
    }
}

impl ScreenSoundLadder {
    /// The most that it makes use of, in bit/s on the wire.
    pub const MAX_BPS: u64 = ScreenSoundTarget { bitrate_bps: LADDER[0].bitrate_bps }.wire_bps();

    /// The target for an available bitrate in bit/s, that of everything else included.
    pub fn handle_available(&mut self, available_bps: u64) -> ScreenSoundTarget {
        while self.rung + 1 < LADDER.len() && available_bps < LADDER[self.rung].from_bps {
            self.rung += 1;
        }
        while self.rung > 0 && available_bps as f64 >= LADDER[self.rung - 1].from_bps as f64 * CLIMB_MARGIN {
            self.rung -= 1;
        }
        self.target()
    }

    /// What was chosen last.
    pub fn target(&self) -> ScreenSoundTarget {
        ScreenSoundTarget { bitrate_bps: LADDER[self.rung].bitrate_bps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AudioLadder;

    #[test]
    fn voice_and_pictures_keep_most_of_it() {
        for available_bps in (0..3_000_000).step_by(5_000) {
            let sound = ScreenSoundLadder::default().handle_available(available_bps).wire_bps();
            let voice = AudioLadder::default().handle_available(available_bps, 0.0, true).wire_bps();
            assert!(sound * 4 <= available_bps, "{sound} of {available_bps}");
            assert!(available_bps < 100_000 || (sound + voice) * 5 <= available_bps * 3, "{available_bps}");
        }
        assert_eq!(ScreenSoundLadder::default().handle_available(190_000), ScreenSoundTarget::default());
        assert_eq!(
            ScreenSoundLadder::default().handle_available(3_000_000).wire_bps(),
            ScreenSoundLadder::MAX_BPS
        );
    }

    #[test]
    fn a_rate_at_the_border_does_not_make_it_flap() {
        let mut ladder = ScreenSoundLadder::default();
        let targets: Vec<_> = (0..100)
            .map(|step| ladder.handle_available(if step % 2 == 0 { 440_000 } else { 530_000 }))
            .collect();
        assert!(targets.iter().all(|target| *target == targets[0]), "{targets:?}");
        assert_eq!(ladder.handle_available(540_000).bitrate_bps, 48_000);
    }
}
