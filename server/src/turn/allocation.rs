use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use stun_types::message::{IntegrityKey, TransactionId};

use super::Client;
use crate::limits::Source;

/// RFC 8656 section 9.
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// RFC 8656 section 12.
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// Peers of one allocation at a time; a call has one host with a few addresses at its other end.
const MOST_PERMISSIONS: usize = 128;
const MOST_CHANNELS: usize = 128;

/// What a client is relayed by.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) client: Client,
    pub(super) username: String,
    /// Whom it counts for.
    pub(super) id: String,
    pub(super) source: Source,
    pub(super) key: IntegrityKey,
    /// Of the request that it came from: who has not heard the answer asks again.
    pub(super) transaction: TransactionId,
    /// What peers see.
    pub(super) relayed: SocketAddr,
    pub(super) opened_at: Instant,
    pub(super) expires_at: Instant,
    pub(super) permissions: Permissions,
    pub(super) channels: Channels,
    pub(super) to_peers: Budget,
    pub(super) to_client: Budget,
}

/// There are as many as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Whom a client wants to hear and to be heard by.
#[derive(Debug, Default)]
pub(super) struct Permissions(HashMap<IpAddr, Permission>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Permission {
    until: Instant,
    /// All ports may be reached, and not only those that are relays of this server.
    pub(super) all_ports: bool,
}

impl Permissions {
    pub(super) fn install(&mut self, now: Instant, peer: IpAddr, all_ports: bool) -> Result<(), Full> {
        if !self.0.contains_key(&peer) && self.0.len() >= MOST_PERMISSIONS {
            self.prune(now);
            if self.0.len() >= MOST_PERMISSIONS {
                return Err(Full);
            }
        }
        self.0.insert(peer, Permission { until: now + PERMISSION_LIFETIME, all_ports });
        Ok(())
    }

    pub(super) fn of(&self, now: Instant, peer: IpAddr) -> Option<Permission> {
        self.0.get(&peer).copied().filter(|permission| now < permission.until)
    }

    fn prune(&mut self, now: Instant) {
        self.0.retain(|_, permission| now < permission.until);
    }
}

/// Peers that are called by a number instead of their address.
#[derive(Debug, Default)]
pub(super) struct Channels {
    peers: HashMap<u16, (SocketAddr, Instant)>,
    numbers: HashMap<SocketAddr, u16>,
}

/// Why a channel is not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unbound {
    /// The number or the peer belongs to another one.
    Taken,
    Full,
}

impl Channels {
    pub(super) fn bind(&mut self, now: Instant, number: u16, peer: SocketAddr) -> Result<(), Unbound> {
        self.prune(now);
        let is_other_peer = self.peers.get(&number).is_some_and(|(bound, _)| *bound != peer);
        let is_other_number = self.numbers.get(&peer).is_some_and(|bound| *bound != number);
        if is_other_peer || is_other_number {
            return Err(Unbound::Taken);
        }
        if !self.peers.contains_key(&number) && self.peers.len() >= MOST_CHANNELS {
            return Err(Unbound::Full);
        }
        self.peers.insert(number, (peer, now + CHANNEL_LIFETIME));
        self.numbers.insert(peer, number);
        Ok(())
    }

    pub(super) fn peer(&self, now: Instant, number: u16) -> Option<SocketAddr> {
        self.peers.get(&number).filter(|(_, until)| now < *until).map(|(peer, _)| *peer)
    }

    pub(super) fn number(&self, now: Instant, peer: SocketAddr) -> Option<u16> {
        self.numbers.get(&peer).copied().filter(|number| self.peer(now, *number).is_some())
    }

    fn prune(&mut self, now: Instant) {
        self.peers.retain(|_, (_, until)| now < *until);
        self.numbers.retain(|_, number| self.peers.contains_key(number));
    }
}

/// How many bytes may pass one way: a steady rate, and what a second saves up.
#[derive(Debug)]
pub(super) struct Budget {
    bytes_per_s: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new(now: Instant, bytes_per_s: u32) -> Self {
        let bytes_per_s = f64::from(bytes_per_s);
        Self { bytes_per_s, left: bytes_per_s, at: now }
    }

    /// Whether a packet of so many bytes may pass.
    pub(super) fn take(&mut self, now: Instant, bytes: usize) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.bytes_per_s).min(self.bytes_per_s);
        self.at = now;
        // A packet has no more than 65535 bytes.
        let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        let may_pass = bytes <= self.left;
        if may_pass {
            self.left -= bytes;
        }
        may_pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn peer(host: u8) -> SocketAddr {
        SocketAddr::from(([198, 41, 0, host], 4000))
    }

    #[test]
    fn a_permission_lasts_five_minutes() {
        let now = Instant::now();
        let mut permissions = Permissions::default();
        assert_eq!(permissions.install(now, peer(1).ip(), true), Ok(()));
        assert!(permissions.of(now + 299 * SECOND, peer(1).ip()).is_some());
        assert!(permissions.of(now + 300 * SECOND, peer(1).ip()).is_none());
        assert!(permissions.of(now, peer(2).ip()).is_none());
    }

    #[test]
    fn peers_are_as_many_as_memory_is_for() {
        let now = Instant::now();
        let (mut permissions, mut channels) = (Permissions::default(), Channels::default());
        for host in 0..128 {
            assert_eq!(permissions.install(now, peer(host).ip(), true), Ok(()));
            assert_eq!(channels.bind(now, 0x4000 + u16::from(host), peer(host)), Ok(()));
        }
        assert_eq!(permissions.install(now, peer(200).ip(), true), Err(Full));
        assert_eq!(channels.bind(now, 0x4200, peer(200)), Err(Unbound::Full));
        assert_eq!(permissions.install(now, peer(5).ip(), true), Ok(()), "those that are there are kept");
        assert_eq!(permissions.install(now + 300 * SECOND, peer(200).ip(), true), Ok(()));
        assert_eq!(channels.bind(now + 600 * SECOND, 0x4200, peer(200)), Ok(()));
    }

    #[test]
    fn a_channel_is_one_peers_for_ten_minutes() {
        let now = Instant::now();
        let mut channels = Channels::default();
        assert_eq!(channels.bind(now, 0x4000, peer(1)), Ok(()));
        assert_eq!(channels.bind(now, 0x4000, peer(2)), Err(Unbound::Taken));
        assert_eq!(channels.bind(now, 0x4001, peer(1)), Err(Unbound::Taken));
        let later = now + 599 * SECOND;
        assert_eq!(
            (channels.peer(later, 0x4000), channels.number(later, peer(1))),
            (Some(peer(1)), Some(0x4000))
        );
        let over = now + 600 * SECOND;
        assert_eq!((channels.peer(over, 0x4000), channels.number(over, peer(1))), (None, None));
        assert_eq!(channels.bind(over, 0x4001, peer(1)), Ok(()));
        assert_eq!(channels.bind(over, 0x4000, peer(2)), Ok(()));
    }

    #[test]
    fn more_than_the_rate_does_not_pass() {
        let start = Instant::now();
        let mut budget = Budget::new(start, 10_000);
        let passed: usize = (0..5_000)
            .map(|ms| start + Duration::from_millis(ms))
            .filter(|now| budget.take(*now, 100))
            .count();
        // A second's worth at once, and five seconds at the rate.
        assert!((598..=601).contains(&passed), "{passed}");
    }
}
