use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::follower::{Action, Follower, Route};
use super::stun;

/// For fuzzing: datagrams that anybody may send to a connection's sockets, as they are before anything is decrypted. A record is
/// a kind, an amount and, where it is of bytes, so many of them: of 4 kinds, 0 comes from the far side's address, 1 from elsewhere, 2 is sent by our agent,
/// 3 lets hundredths of a second pass. Nothing but a signed answer moves anything, and no forger has the key.
#[doc(hidden)]
pub fn fuzz_checks(bytes: &[u8]) {
    let mut now = Instant::now();
    let local = SocketAddr::from(([192, 0, 2, 1], 40_000));
    let far = SocketAddr::from(([192, 0, 2, 7], 40_001));
    let elsewhere = SocketAddr::from(([198, 51, 100, 9], 40_002));
    let mut follower = Follower::new(now);
    follower.handle_password(now, "a password that nobody guesses");
    follower.handle_sockets(vec![local]);
    follower.handle_candidate(far);
    // Media selects the pair.
    follower.handle_sent(now, Route { local, remote: far }, &[128, 111, 0, 1]);
    let mut rest = bytes;
    while let [kind, amount, behind @ ..] = rest {
        let length = if kind % 4 < 3 { usize::from(*amount).min(behind.len()) } else { 0 };
        let (record, behind) = behind.split_at(length);
        match kind % 4 {
            0 => {
                let route = Route { local, remote: far };
                follower.handle_received(now, route, std::iter::once(record));
            }
            1 => {
                let route = Route { local, remote: elsewhere };
                follower.handle_received(now, route, std::iter::once(record));
            }
            2 => {
                follower.handle_sent(now, Route { local, remote: far }, record);
            }
            _ => now += Duration::from_millis(10) * u32::from(*amount),
        }
        stun::is_of_controlling(record);
        while let Some(action) = follower.poll_action() {
            assert_ne!(action, Action::Moved, "by somebody who has not signed anything");
        }
        rest = behind;
    }
}
