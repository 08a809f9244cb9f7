//! Packets that carry older ones again (RFC 2198).

use super::*;

/// The same packets, each with so many of those before it.
fn with_copies(path: &[Sent], copies: usize) -> Vec<Sent> {
    let carried = |n: usize, sent: &Sent| {
        let before = path[n.saturating_sub(copies)..n].iter().rev().map(|older| &older.packet);
        let copy = |older: &RtpAudioPacket| AudioCopy {
            offset: sent.packet.timestamp.wrapping_sub(older.timestamp),
            payload: older.payload.clone(),
        };
        before.map(copy).collect()
    };
    let carrier = |(n, sent): (usize, &Sent)| Sent {
        packet: RtpAudioPacket { copies: carried(n, sent), ..sent.packet.clone() },
        ..*sent
    };
    path.iter().enumerate().map(carrier).collect()
}

#[test]
fn copies_of_what_came_change_nothing() {
    let plain = play(voice(10), 9.5, 1.0, 1);
    let copied = play(with_copies(&voice(10), 2), 9.5, 1.0, 1);
    copied.assert_pure(1.0);
    assert_eq!(copied.stats, plain.stats);
    assert_eq!(copied.delays, plain.delays);
}

#[test]
fn single_losses_are_played_from_copies() {
    let mut chance = Chance(5);
    let mut lost = false;
    let mut path = with_copies(&voice(20), 1);
    path.retain(|sent| {
        lost = chance.next() < 0.1 && !lost && sent.at_ms < 19_000.0;
        !lost
    });
    let missing = 1000 - path.len() as u64;
    let heard = play(path, 20.0, 1.0, 1);
    assert!(missing > 60, "{missing}");
    assert_eq!(heard.stats.recovered_packets, missing, "{:?}", heard.stats);
    assert_eq!(heard.stats.concealed_samples + heard.stats.fec_samples, 0, "{:?}", heard.stats);
    heard.assert_pure(1.0);
    assert!(heard.final_delay_ms(5) <= 45.0, "{} ms", heard.final_delay_ms(5));
}

#[test]
fn delay_is_worth_its_while_where_two_in_a_row_are_often_lost() {
    // Every second of the first half, and four times a second then.
    let every = |n: usize| if n < 500 { 50 } else { 12 };
    let lost = |n: usize| n > 50 && n % every(n) < 2;
    let path = with_copies(&voice(20), 2).into_iter().enumerate().filter(|&(n, _)| !lost(n));
    let heard = play(path.map(|(_, sent)| sent).collect(), 20.0, 1.0, 1);
    assert!(heard.final_delay_ms(5) > 40.0, "{} ms", heard.final_delay_ms(5));
    // 16 % are lost at last.
    assert!(heard.stats.concealed() < 0.02, "{:?}", heard.stats);
    heard.assert_no_gap_over(10);
}

#[test]
fn a_packet_that_its_copy_overtook_is_no_late_one() {
    let mut path = with_copies(&voice(10), 1);
    for sent in path.iter_mut().skip(50).step_by(25) {
        sent.at_ms += 120.0;
    }
    let heard = play(path, 9.5, 1.0, 1);
    assert!(heard.stats.duplicate_packets > 15, "{:?}", heard.stats);
    assert_eq!((heard.stats.late_packets, heard.stats.concealed_samples), (0, 0), "{:?}", heard.stats);
    assert!(heard.final_delay_ms(2) <= 45.0, "{} ms", heard.final_delay_ms(2));
}

#[test]
fn a_pause_before_a_packet_with_copies_is_no_loss() {
    let mut path = voice_with_pause(10, 250);
    // Muted for 100 ms: the copy is of before.
    for sent in &mut path[250..] {
        sent.at_ms += 100.0;
        sent.packet.timestamp += 4_800;
    }
    let heard = play(with_copies(&path, 1), 9.5, 1.0, 1);
    assert_eq!(heard.stats.concealed_samples, 0, "{:?}", heard.stats);
}
