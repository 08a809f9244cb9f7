use super::Block;

/// Blocks behind one reading: 100 ms.
const BLOCKS: usize = 10;

/// Measures loudness.
#[derive(Debug, Default)]
pub(crate) struct LevelMeter {
    energy: f64,
    blocks: usize,
}

impl LevelMeter {
    /// Gives a reading every tenth time.
    pub(crate) fn handle_block(&mut self, block: &Block) -> Option<f32> {
        self.add(block);
        (self.blocks == BLOCKS).then(|| self.take())
    }

    pub(crate) fn add(&mut self, block: &Block) {
        self.energy +=
            block.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / block.len() as f64;
        self.blocks += 1;
    }

    /// The root mean square of what was added since the last reading, scaled so that a full-scale sine reads 1.
    pub(crate) fn take(&mut self) -> f32 {
        let Self { energy, blocks } = std::mem::take(self);
        if blocks == 0 {
            return 0.0;
        }
        (2.0 * energy / blocks as f64).sqrt().min(1.0) as f32
    }
}
