use super::Block;

/// Blocks behind one reading: 100 ms.
const BLOCKS: usize = 10;

/// Measures loudness: one reading for each 100 ms.
#[derive(Debug, Default)]
pub(crate) struct LevelMeter {
    energy: f64,
    blocks: usize,
}

impl LevelMeter {
    /// Gives the root mean square of the last 100 ms every tenth time, scaled so that a full-scale sine reads 1.
    pub(crate) fn handle_block(&mut self, block: &Block) -> Option<f32> {
        self.energy += block.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>();
        self.blocks += 1;
        if self.blocks < BLOCKS {
            return None;
        }
        let mean = self.energy / (BLOCKS * block.len()) as f64;
        *self = Self::default();
        Some((2.0 * mean).sqrt().min(1.0) as f32)
    }
}
