//! What sound gets of a bitrate: nearly always what it wants, for a call without sound is none; less when pictures would
//! otherwise get nothing, and then in longer packets, whose headers are a smaller part of them.

use std::time::Duration;

/// What the voice encoder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioTarget {
    /// Of Opus alone, in bit/s.
    pub bitrate_bps: u32,
    /// Time of sound in a packet: 20, 40 or 60 ms.
    pub packet_time: Duration,
    /// Packets of a hundred that the receiver is expected to miss.
    pub expected_loss_percent: u8,
}

impl AudioTarget {
    /// With all headers, on the wire, in bit/s.
    pub fn wire_bps(self) -> u64 {
        let packets = 1.0 / self.packet_time.as_secs_f64();
        u64::from(self.bitrate_bps) + (packets * HEADER_BITS) as u64
    }
}

/// IPv4, UDP, RTP with its extension, and the authentication tag of SRTP.
pub(super) const HEADER_BITS: f64 = (20.0 + 8.0 + 12.0 + 8.0 + 10.0) * 8.0;

/// A way to send sound, from this total of sound and pictures in bit/s on.
struct Rung {
    from_bps: u64,
    bitrate_bps: u32,
    packet_ms: u64,
}

/// From best to least.
const LADDER: [Rung; 5] = [
    Rung { from_bps: 250_000, bitrate_bps: 32_000, packet_ms: 20 },
    Rung { from_bps: 130_000, bitrate_bps: 24_000, packet_ms: 20 },
    Rung { from_bps: 80_000, bitrate_bps: 20_000, packet_ms: 40 },
    Rung { from_bps: 45_000, bitrate_bps: 16_000, packet_ms: 60 },
    Rung { from_bps: 0, bitrate_bps: 12_000, packet_ms: 60 },
];

/// A better way is taken with this much to spare.
const CLIMB_MARGIN: f64 = 1.25;

/// Opus spends nothing on repair when it expects less, even if losses come.
const MIN_EXPECTED_LOSS: u8 = 10;
const MAX_EXPECTED_LOSS: u8 = 30;

/// A share of lost packets from which on packets stay short: what a long one takes with it is longer than what can be
/// made up well.
const LOSSY: f64 = 0.05;
const LONGEST_WHEN_LOSSY: Duration = Duration::from_millis(40);

/// Chooses how sound is sent; one for each encoder.
#[derive(Debug, Default)]
pub struct AudioLadder {
    rung: usize,
}

impl AudioLadder {
    /// The target for an available bitrate in bit/s, that of pictures included, and the share of packets that are lost,
    /// 0 to 1.
    pub fn handle_available(&mut self, available_bps: u64, loss: f64) -> AudioTarget {
        while self.rung + 1 < LADDER.len() && available_bps < LADDER[self.rung].from_bps {
            self.rung += 1;
        }
        while self.rung > 0 && available_bps as f64 >= LADDER[self.rung - 1].from_bps as f64 * CLIMB_MARGIN {
            self.rung -= 1;
        }
        let Rung { bitrate_bps, packet_ms, .. } = LADDER[self.rung];
        let mut packet_time = Duration::from_millis(packet_ms);
        if loss >= LOSSY {
            packet_time = packet_time.min(LONGEST_WHEN_LOSSY);
        }
        let percent = (loss * 100.0).round() as u8;
        AudioTarget {
            bitrate_bps,
            packet_time,
            expected_loss_percent: percent.clamp(MIN_EXPECTED_LOSS, MAX_EXPECTED_LOSS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(available_bps: u64, loss: f64) -> AudioTarget {
        AudioLadder::default().handle_available(available_bps, loss)
    }

    #[test]
    fn sound_never_takes_more_than_half_while_pictures_can_live_on_the_rest() {
        for available_bps in (60_000..2_000_000).step_by(5_000) {
            let sound = settled(available_bps, 0.0).wire_bps();
            assert!(sound * 2 <= available_bps, "{sound} of {available_bps}");
        }
        assert!(settled(20_000, 0.0).wire_bps() <= 20_000);
    }

    #[test]
    fn headers_shrink_with_the_rate() {
        assert_eq!(settled(1_000_000, 0.0).packet_time, Duration::from_millis(20));
        assert_eq!(settled(100_000, 0.0).packet_time, Duration::from_millis(40));
        assert_eq!(settled(60_000, 0.0).packet_time, Duration::from_millis(60));
        assert_eq!(settled(60_000, 0.1).packet_time, Duration::from_millis(40));
    }

    #[test]
    fn repair_follows_loss_between_bounds() {
        assert_eq!(settled(500_000, 0.01).expected_loss_percent, MIN_EXPECTED_LOSS);
        assert_eq!(settled(500_000, 0.18).expected_loss_percent, 18);
        assert_eq!(settled(500_000, 0.9).expected_loss_percent, MAX_EXPECTED_LOSS);
    }

    #[test]
    fn a_rate_at_the_border_does_not_make_it_flap() {
        let mut ladder = AudioLadder::default();
        let mut changes = 0;
        let mut last = ladder.handle_available(200_000, 0.0);
        for step in 0..100 {
            let next = ladder.handle_available(if step % 2 == 0 { 75_000 } else { 90_000 }, 0.0);
            changes += usize::from(next != last);
            last = next;
        }
        assert_eq!(changes, 1);
        assert_eq!(ladder.handle_available(200_000, 0.0), settled(200_000, 0.0));
    }
}
