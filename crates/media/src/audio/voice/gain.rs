use sonora::AudioProcessing;

use crate::audio::{BLOCK_SAMPLES, Block};

/// What one more block weighs in how much of the sound was echo: 20 ms.
const WEIGHT: f32 = 0.4;

/// Where the canceller took less than this, somebody speaks, and is lifted; where it took more, what is left is echo, and
/// is not. In dB.
const SPOKEN_DB: f32 = 9.0;
const ECHO_DB: f32 = 15.0;

/// Power of a block below which there is no gain to be measured.
const INAUDIBLE: f32 = 1e-12;

/// Brings voices to a like level, and what is left of an echo not with them: a quiet voice may be lifted by 30 dB, which is
/// as much as an echo has lost.
pub(super) struct Gain {
    controller: Box<AudioProcessing>,
    /// Power before and after the canceller.
    heard: f32,
    left: f32,
    /// Of the block before: the canceller gives it about now.
    last_heard: f32,
    /// What the lift is multiplied by, to be undone.
    restraint: f32,
}

impl Gain {
    pub(super) fn new(controller: Box<AudioProcessing>) -> Self {
        Self { controller, heard: 0.0, left: 0.0, last_heard: 0.0, restraint: 1.0 }
    }

    /// Told the power of what went into the canceller and of what came out of it.
    pub(super) fn on_cancelled(&mut self, heard: f32, left: f32) {
        self.heard += WEIGHT * (self.last_heard - self.heard);
        self.left += WEIGHT * (left - self.left);
        self.last_heard = heard;
    }

    pub(super) fn process(&mut self, block: &mut Block) {
        let input = *block;
        if let Err(error) = self.controller.process_capture_f32(&[&input], &mut [&mut block[..]]) {
            tracing::debug!(%error, "a voice was left at its level");
            return;
        }
        let (before, after) = (power(&input), power(block));
        let lift = if before > INAUDIBLE { (after / before).sqrt().max(1.0) } else { 1.0 };
        let restraint = lift.powf(-self.echo());
        let (from, step) = (self.restraint, (restraint - self.restraint) / BLOCK_SAMPLES as f32);
        for (n, sample) in block.iter_mut().enumerate() {
            *sample *= from + step * n as f32;
        }
        self.restraint = restraint;
    }

    /// How much of what is left is echo, 0 to 1.
    fn echo(&self) -> f32 {
        let lost_db = 10.0 * (self.heard / self.left.max(INAUDIBLE)).max(INAUDIBLE).log10();
        ((lost_db - SPOKEN_DB) / (ECHO_DB - SPOKEN_DB)).clamp(0.0, 1.0)
    }
}

/// Mean power of a block.
pub(super) fn power(block: &Block) -> f32 {
    block.iter().map(|sample| sample * sample).sum::<f32>() / BLOCK_SAMPLES as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::voice::processor::gain;

    /// How much a voice 40 dB below full scale is lifted at first, in dB, of which the canceller took so much.
    fn lift_db(lost_db: f32) -> f32 {
        let mut gain = gain();
        let mut lift = 0.0;
        for n in 0..20 {
            let mut block: Block = std::array::from_fn(|i| {
                0.014 * (std::f32::consts::TAU * 300.0 * (n * BLOCK_SAMPLES + i) as f32 / 48_000.0).sin()
            });
            let before = power(&block);
            gain.on_cancelled(before * 10_f32.powf(lost_db / 10.0), before);
            gain.process(&mut block);
            lift = 10.0 * (power(&block) / before).log10();
        }
        lift
    }

    #[test]
    fn a_voice_is_lifted_and_what_is_left_of_an_echo_is_not() {
        let [voice, over_an_echo, echo] = [0.0, 6.0, 25.0].map(lift_db);
        assert!(voice > 6.0 && (over_an_echo - voice).abs() < 0.5, "{voice} dB, {over_an_echo} dB");
        assert!(echo < 0.5, "{echo} dB");
    }
}
