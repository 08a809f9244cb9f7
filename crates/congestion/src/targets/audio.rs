//! What sound gets of a bitrate: nearly always what it wants, for a call without sound is none; less when pictures would
//! otherwise get nothing, and then in longer packets, whose headers are a smaller part of them.
//!
//! Packets carry those before them again. On a wide path always: what a sudden cut takes is lost before anybody has
//! reported a loss. On a narrow one only when packets are lost, for FEC within the bitrate costs less.

use std::time::Duration;

/// What the voice encoder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioTarget {
    /// Of Opus alone, in bit/s.
    pub bitrate_bps: u32,
    /// Time of sound in a packet: 20, 40 or 60 ms.
    pub packet_time: Duration,
    /// Packets of a hundred that the receiver is expected to miss: what FEC within the bitrate is for. Zero where copies
    /// do that better.
    pub expected_loss_percent: u8,
    /// How many of the packets before it each packet carries once more (RFC 2198).
    pub copies: u8,
}

impl AudioTarget {
    /// With all headers and copies, on the wire, in bit/s.
    pub fn wire_bps(self) -> u64 {
        let packets = 1.0 / self.packet_time.as_secs_f64();
        let copies = f64::from(self.copies);
        let headers = HEADER_BITS + copies * COPY_HEADER_BITS;
        (f64::from(self.bitrate_bps) * (1.0 + copies) + packets * headers) as u64
    }
}

/// IPv4, UDP, RTP with its extension, and the authentication tag of SRTP.
pub(super) const HEADER_BITS: f64 = (20.0 + 8.0 + 12.0 + 8.0 + 10.0) * 8.0;

/// Of each copy (RFC 2198 section 3).
const COPY_HEADER_BITS: f64 = 4.0 * 8.0;

/// A way to send sound, from this total of sound and pictures in bit/s on.
struct Rung {
    from_bps: u64,
    /// Without loss, with some, and with much.
    voices: [Voice; 3],
}

#[derive(Clone, Copy)]
struct Voice {
    bitrate_bps: u32,
    packet_ms: u64,
    copies: u8,
}

const fn voice(bitrate_bps: u32, packet_ms: u64, copies: u8) -> Voice {
    Voice { bitrate_bps, packet_ms, copies }
}

/// From best to least.
const LADDER: [Rung; 6] = [
    rung(500_000, [voice(32_000, 20, 1), voice(32_000, 20, 1), voice(32_000, 20, 2)]),
    rung(250_000, [voice(32_000, 20, 0), voice(32_000, 20, 1), voice(32_000, 20, 2)]),
    rung(130_000, [voice(24_000, 20, 0), voice(16_000, 20, 1), voice(16_000, 20, 2)]),
    rung(80_000, [voice(20_000, 40, 0), voice(12_000, 20, 1), voice(12_000, 20, 1)]),
    rung(45_000, [voice(16_000, 60, 0); 3]),
    rung(0, [voice(12_000, 60, 0); 3]),
];

const fn rung(from_bps: u64, voices: [Voice; 3]) -> Rung {
    Rung { from_bps, voices }
}

/// Shares of lost packets from which on there is some loss, and much: one copy alone sounds better than two up to a tenth,
/// for two are waited for longer.
const LOSS_LEVELS: [f64; 2] = [0.03, 0.12];

/// A level of loss is left once there is less than this share of what leads to it.
const LOSS_EASED: f64 = 2.0 / 3.0;

/// A better way is taken with this much to spare.
const CLIMB_MARGIN: f64 = 1.25;

/// Opus spends nothing on repair when it expects less, even if losses come.
const MIN_EXPECTED_LOSS: u8 = 10;
const MAX_EXPECTED_LOSS: u8 = 30;

/// With some loss packets stay short: what a long one takes with it is longer than what can be made up well.
const LONGEST_WHEN_LOSSY: Duration = Duration::from_millis(40);

/// Chooses how sound is sent; one for each encoder.
#[derive(Debug, Default)]
pub struct AudioLadder {
    rung: usize,
    /// Without loss, with some, or with much.
    loss_level: usize,
}

impl AudioLadder {
    /// The target for an available bitrate in bit/s, that of pictures included, and the share of packets that are lost,
    /// 0 to 1. Without copies if somebody cannot read them.
    pub fn handle_available(&mut self, available_bps: u64, loss: f64, allow_copies: bool) -> AudioTarget {
        while self.rung + 1 < LADDER.len() && available_bps < LADDER[self.rung].from_bps {
            self.rung += 1;
        }
        while self.rung > 0 && available_bps as f64 >= LADDER[self.rung - 1].from_bps as f64 * CLIMB_MARGIN {
            self.rung -= 1;
        }
        while self.loss_level < LOSS_LEVELS.len() && loss >= LOSS_LEVELS[self.loss_level] {
            self.loss_level += 1;
        }
        while self.loss_level > 0 && loss < LOSS_LEVELS[self.loss_level - 1] * LOSS_EASED {
            self.loss_level -= 1;
        }
        let voices = &LADDER[self.rung].voices;
        let Voice { bitrate_bps, packet_ms, copies } =
            if allow_copies { voices[self.loss_level] } else { Voice { copies: 0, ..voices[0] } };
        let mut packet_time = Duration::from_millis(packet_ms);
        if self.loss_level > 0 {
            packet_time = packet_time.min(LONGEST_WHEN_LOSSY);
        }
        let percent = ((loss * 100.0).round() as u8).clamp(MIN_EXPECTED_LOSS, MAX_EXPECTED_LOSS);
        // What FEC takes of the bitrate is heard, also without loss: 4.0 by PESQ without, 3.8 with it. What copies leave
        // for it to repair is less than that.
        let expected_loss_percent = if copies > 0 { 0 } else { percent };
        AudioTarget { bitrate_bps, packet_time, expected_loss_percent, copies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(available_bps: u64, loss: f64) -> AudioTarget {
        AudioLadder::default().handle_available(available_bps, loss, true)
    }

    #[test]
    fn sound_never_takes_more_than_half_or_with_loss_two_thirds_while_pictures_can_live_on_the_rest() {
        for (available_bps, loss) in
            (60_000..2_000_000).step_by(5_000).flat_map(|bps| [0.0, 0.05, 0.2].map(|loss| (bps, loss)))
        {
            let sound = settled(available_bps, loss).wire_bps() as f64;
            let most = if loss > 0.0 { 2.0 / 3.0 } else { 0.5 } * available_bps as f64;
            assert!(sound <= most, "{sound} of {available_bps} with a loss of {loss}");
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
    fn repair_follows_loss_between_bounds_where_there_are_no_copies() {
        assert_eq!([0.0, 0.2].map(|loss| settled(500_000, loss).expected_loss_percent), [0; 2]);
        let without = |loss| AudioLadder::default().handle_available(500_000, loss, false);
        assert_eq!([0.01, 0.2].map(|loss| without(loss).copies), [0; 2]);
        assert_eq!(without(0.01).expected_loss_percent, MIN_EXPECTED_LOSS);
        assert_eq!(without(0.18).expected_loss_percent, 18);
        assert_eq!(without(0.9).expected_loss_percent, MAX_EXPECTED_LOSS);
        assert_eq!(settled(100_000, 0.01).expected_loss_percent, MIN_EXPECTED_LOSS);
    }

    #[test]
    fn copies_are_for_wide_paths_and_for_losses() {
        let copies = |available_bps, loss| settled(available_bps, loss).copies;
        assert_eq!([0.0, 0.05, 0.2].map(|loss| copies(1_000_000, loss)), [1, 1, 2]);
        assert_eq!([0.0, 0.05, 0.2].map(|loss| copies(300_000, loss)), [0, 1, 2]);
        assert_eq!([0.0, 0.05, 0.2].map(|loss| copies(150_000, loss)), [0, 1, 2]);
        assert_eq!([0.0, 0.05, 0.2].map(|loss| copies(100_000, loss)), [0, 1, 1]);
        assert_eq!([0.0, 0.05, 0.2].map(|loss| copies(60_000, loss)), [0, 0, 0]);
        // A voice of 32 kbit/s, its headers, and the same again with a header of its own.
        assert_eq!(settled(1_000_000, 0.0).wire_bps(), 32_000 + 23_200 + 32_000 + 1_600);
    }

    #[test]
    fn a_rate_at_the_border_does_not_make_it_flap() {
        let mut ladder = AudioLadder::default();
        let mut changes = 0;
        let mut last = ladder.handle_available(200_000, 0.0, true);
        for step in 0..100 {
            let next = ladder.handle_available(if step % 2 == 0 { 75_000 } else { 90_000 }, 0.0, true);
            changes += usize::from(next != last);
            last = next;
        }
        assert_eq!(changes, 1);
        assert_eq!(ladder.handle_available(200_000, 0.0, true), settled(200_000, 0.0));
    }

    #[test]
    fn a_loss_at_the_border_does_not_make_it_flap() {
        let mut ladder = AudioLadder::default();
        for border in LOSS_LEVELS {
            let reached = ladder.handle_available(300_000, border, true);
            for step in 0..100 {
                let loss = border * if step % 2 == 0 { 0.8 } else { 1.1 };
                assert_eq!(ladder.handle_available(300_000, loss, true), reached);
            }
        }
        assert_eq!(ladder.handle_available(300_000, 0.0, true), settled(300_000, 0.0));
    }
}
