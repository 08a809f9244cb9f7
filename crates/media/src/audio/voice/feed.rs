use std::time::Instant;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::audio::Block;

/// Blocks that may wait for the source's worker: 640 ms.
const CAPACITY: usize = 64;

/// 10 ms that went to the speaker.
#[derive(Debug, Clone)]
pub struct RenderedBlock {
    /// Counts all blocks of a sender, so that a gap shows what was lost.
    pub sequence: u64,
    /// When its first sample is heard, as far as the system knows.
    pub heard: Instant,
    pub block: Block,
}

/// Where a sink leaves what it plays. Sending neither blocks nor allocates.
pub struct RenderSender {
    blocks: Producer<RenderedBlock>,
    sequence: u64,
}

/// Where a source finds what was played.
pub struct RenderReceiver {
    blocks: Consumer<RenderedBlock>,
}

/// A bounded way without locks from the one who plays to the one who captures.
pub fn render_feed() -> (RenderSender, RenderReceiver) {
    let (producer, consumer) = RingBuffer::new(CAPACITY);
    (RenderSender { blocks: producer, sequence: 0 }, RenderReceiver { blocks: consumer })
}

impl RenderSender {
    /// What is too much is lost, and its number missing: the receiver has been away for so long that it wants none of
    /// what waits.
    pub fn send(&mut self, heard: Instant, block: &Block) {
        let rendered = RenderedBlock { sequence: self.sequence, heard, block: *block };
        self.sequence += 1;
        let _ = self.blocks.push(rendered);
    }
}

impl RenderReceiver {
    /// The oldest block that waits.
    pub fn receive(&mut self) -> Option<RenderedBlock> {
        self.blocks.pop().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::SILENCE;

    #[test]
    fn what_is_too_much_leaves_a_gap_in_the_numbers() {
        let (mut sender, mut receiver) = render_feed();
        let now = Instant::now();
        for _ in 0..CAPACITY + 5 {
            sender.send(now, &SILENCE);
        }
        let mut received = Vec::new();
        while let Some(block) = receiver.receive() {
            received.push(block.sequence);
        }
        assert_eq!(received, (0..CAPACITY as u64).collect::<Vec<_>>());
        sender.send(now, &SILENCE);
        assert_eq!(receiver.receive().map(|block| block.sequence), Some(CAPACITY as u64 + 5));
    }
}
