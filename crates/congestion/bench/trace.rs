//! What happened, by tenths of a second and by packets.

/// Length of a bin.
pub(crate) const BIN_S: f64 = 0.1;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bin {
    /// At its end.
    pub(crate) target_bps: f64,
    pub(crate) sent_bytes: usize,
    pub(crate) received_bytes: usize,
    /// The longest wait in the queue of a packet that left it.
    pub(crate) queue_ms: f64,
}

/// A packet that came out of the bottleneck.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) at_s: f64,
    pub(crate) queue_ms: f64,
    /// From the pacer to the receiver.
    pub(crate) one_way_ms: f64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct FlowTrace {
    pub(crate) name: String,
    pub(crate) is_media: bool,
    pub(crate) bins: Vec<Bin>,
    pub(crate) passed: Vec<Passed>,
    pub(crate) sent_packets: usize,
    pub(crate) lost_packets: usize,
    pub(crate) padding_bytes: usize,
    /// From capture to the arrival of its last packet, of frames that lost nothing.
    pub(crate) frame_ms: Vec<f64>,
}

impl FlowTrace {
    pub(crate) fn bin(&mut self, at_us: u64) -> &mut Bin {
        let index = (at_us as f64 / 1e6 / BIN_S) as usize;
        if self.bins.len() <= index {
            let last = self.bins.last().copied().unwrap_or_default();
            self.bins.resize(index + 1, Bin { target_bps: last.target_bps, ..Bin::default() });
        }
        &mut self.bins[index]
    }
}
