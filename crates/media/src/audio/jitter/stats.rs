use std::time::Duration;

/// What a jitter buffer did since it was made. Samples are at 48 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterStats {
    /// Sound that was due: played, made up, or missed in an outage. The pauses of a muted sender are not in it.
    pub total_samples: u64,
    /// Of these, made up or left silent because no packet had come in time.
    pub concealed_samples: u64,
    /// Of all, recovered from the FEC of the packet after.
    pub fec_samples: u64,
    /// Packets that were lost and came as a copy in time.
    pub recovered_packets: u64,
    /// Added by stretching, to build up delay.
    pub inserted_samples: u64,
    /// Taken out by stretching, to reduce delay.
    pub removed_samples: u64,
    /// Packets that came after their time.
    pub late_packets: u64,
    pub duplicate_packets: u64,
    /// Packets that are no Opus.
    pub invalid_packets: u64,
    /// Packets thrown away to catch up.
    pub skipped_packets: u64,
    /// How far playout is behind the fastest packets of late.
    pub delay: Duration,
    /// How far it aims to be.
    pub target_delay: Duration,
    /// How far it would aim to be if it only had jitter to even out.
    pub needed_delay: Duration,
    /// The RTP timestamp of the sample played next, while sound flows.
    pub playing: Option<u32>,
    /// The same, unless it is made up: the sound's time stands still meanwhile.
    pub playing_received: Option<u32>,
}

impl JitterStats {
    /// The share of sound that was made up, 0 to 1.
    pub fn concealed(&self) -> f64 {
        if self.total_samples == 0 { 0.0 } else { self.concealed_samples as f64 / self.total_samples as f64 }
    }
}
