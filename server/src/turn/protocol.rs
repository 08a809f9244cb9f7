use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use rand::RngExt as _;
use rand::rngs::StdRng;
use stun_types::AddressFamily;
use stun_types::attribute::AttributeStaticType as _;
use stun_types::message::{BINDING, IntegrityKey, Message, MessageClass, StunWriteError, TransactionId};
use tracing::{debug, warn};
use turn_types::attribute::{Data, XorPeerAddress};
use turn_types::message::SEND;

use super::allocation::Allocation;
use super::answer;
use super::nonce::Nonces;
use super::packet::{Buffer, parse_channel_data};
use super::quota::Quota;
use super::throttle::Throttle;
use super::{Client, peers};
use crate::config::{Password, TurnConfig, TurnLimits};
use crate::limits::Source;
use crate::metrics::TurnMetrics;

/// What the core is told of the time: the clock that measures, and the clock that credentials are dated by, in seconds of the
/// Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) at: Instant,
    pub(super) unix_s: u64,
}

/// Names a relayed transport address, and the socket behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RelayId(pub(super) u64);

/// What is to be done after a packet. Ranges are those of its [`Buffer`].
#[derive(Debug)]
pub(super) enum Output {
    Nothing,
    /// To the client that the packet is of.
    Answer(Vec<u8>),
    /// Out of the socket of a relay.
    ToPeer {
        relay: RelayId,
        peer: SocketAddr,
        data: Range<usize>,
    },
    ToClient {
        client: Client,
        packet: Range<usize>,
    },
    /// A socket is wanted: [`Turn::opened`] has to be told at once.
    Open(Opening),
    /// The socket goes, and the client is answered.
    Close {
        relay: RelayId,
        answer: Vec<u8>,
    },
}

/// An allocation that only lacks its socket.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) relay: RelayId,
    pub(super) family: AddressFamily,
    /// The port is to be an even one (RFC 8656 section 7.2).
    pub(super) even_port: bool,
    pub(super) client: Client,
    pub(super) username: String,
    pub(super) id: String,
    pub(super) source: Source,
    pub(super) key: IntegrityKey,
    pub(super) transaction: TransactionId,
    pub(super) lifetime: Duration,
    /// The request, for its answer.
    pub(super) request: Vec<u8>,
    /// IPv6 was wanted besides, which it does not get (RFC 8656 section 7.2).
    pub(super) lacks_ipv6: bool,
}

/// What holds for a server as long as it runs.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) realm: String,
    pub(super) secret: Password,
    pub(super) limits: TurnLimits,
    pub(super) allow: Vec<IpNet>,
    /// Addresses of relays as others see them, one of a family.
    pub(super) announced: Vec<IpAddr>,
    /// All addresses of this host.
    pub(super) own: Vec<IpAddr>,
}

impl Settings {
    pub(super) fn new(
        config: &TurnConfig,
        secret: Password,
        announced: Vec<IpAddr>,
        own: Vec<IpAddr>,
    ) -> Self {
        let TurnConfig { realm, limits, allow, .. } = config;
        Self {
            realm: realm.as_str().to_owned(),
            secret,
            limits: *limits,
            allow: allow.clone(),
            announced,
            own,
        }
    }
}

/// A TURN server (RFC 8656) without sockets: packets come in, and what is to be sent goes out.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) settings: Settings,
    pub(super) nonces: Nonces,
    pub(super) throttle: Throttle,
    pub(super) quota: Quota,
    pub(super) allocations: HashMap<RelayId, Allocation>,
    pub(super) by_client: HashMap<Client, RelayId>,
    pub(super) by_relayed: HashMap<SocketAddr, RelayId>,
    pub(super) last_relay: u64,
    pub(super) metrics: TurnMetrics,
    rng: StdRng,
}

impl Turn {
    pub(super) fn new(settings: Settings, metrics: TurnMetrics, mut rng: StdRng, epoch: Instant) -> Self {
        Self {
            settings,
            nonces: Nonces::new(rng.random(), epoch),
            throttle: Throttle::new(),
            quota: Quota::default(),
            allocations: HashMap::new(),
            by_client: HashMap::new(),
            by_relayed: HashMap::new(),
            last_relay: 0,
            metrics,
            rng,
        }
    }

    /// Takes one packet of a client: a whole STUN message, or ChannelData.
    pub(super) fn handle_client(
        &mut self,
        now: Now,
        client: Client,
        buffer: &mut Buffer,
        packet: Range<usize>,
    ) -> Output {
        // RFC 8489 section 5 and RFC 5766 section 11.
        match buffer.at(packet.clone()).first() {
            Some(0..=3) => self.on_message(now, client, buffer, packet),
            Some(0x40..=0x7f) => self.on_channel_data(now, client, buffer, packet),
            _ => Output::Nothing,
        }
    }

    /// Takes what a peer has sent to a relay; what its client is to get, if it wants that.
    pub(super) fn handle_peer(
        &mut self,
        now: Now,
        relay: RelayId,
        peer: SocketAddr,
        buffer: &mut Buffer,
        data: Range<usize>,
    ) -> Option<(Client, Range<usize>)> {
        let allocation = self.allocations.get_mut(&relay).filter(|it| now.at < it.expires_at)?;
        allocation.permissions.of(now.at, peer.ip())?;
        if !allocation.to_client.take(now.at, data.len()) {
            self.metrics.dropped.inc();
            return None;
        }
        self.metrics.bytes_to_clients.inc_by(data.len() as u64);
        let packet = match allocation.channels.number(now.at, peer) {
            Some(number) => buffer.channel_data(number, data),
            None => buffer.data_indication(self.rng.random(), peer, data),
        };
        Some((allocation.client, packet))
    }

    /// The connection of a client is gone, and its relay with it.
    pub(super) fn handle_gone(&mut self, client: Client) -> Option<RelayId> {
        let relay = *self.by_client.get(&client)?;
        self.remove(relay);
        Some(relay)
    }

    /// Forgets what has run out; the relays whose sockets are to be closed.
    pub(super) fn handle_time(&mut self, now: Instant) -> Vec<RelayId> {
        let over = self.allocations.iter().filter(|(_, allocation)| allocation.expires_at <= now);
        let over: Vec<_> = over.map(|(relay, _)| *relay).collect();
        over.iter().for_each(|relay| self.remove(*relay));
        over
    }

    pub(super) fn remove(&mut self, relay: RelayId) {
        let Some(allocation) = self.allocations.remove(&relay) else { return };
        self.by_client.remove(&allocation.client);
        self.by_relayed.remove(&allocation.relayed);
        self.quota.remove(&allocation.id, allocation.source);
        self.metrics.allocations.dec();
        debug!(relay = relay.0, "a relay ends");
    }

    /// Whether a client may have a peer, at all ports of its address. `None` for never; the relays of this server are peers
    /// like any other, though nothing else at its addresses is.
    pub(super) fn peer_ports(&self, peer: SocketAddr) -> Option<bool> {
        let Settings { own, allow, .. } = &self.settings;
        if peers::may_be_reached(peer.ip(), own, allow) {
            Some(true)
        } else {
            self.by_relayed.contains_key(&peer).then_some(false)
        }
    }

    fn on_channel_data(
        &mut self,
        now: Now,
        client: Client,
        buffer: &mut Buffer,
        packet: Range<usize>,
    ) -> Output {
        let Some((number, data)) = parse_channel_data(buffer.at(packet.clone())) else {
            return Output::Nothing;
        };
        let data = packet.start + data.start..packet.start + data.end;
        let peer = self.by_client.get(&client).and_then(|relay| {
            let allocation = self.allocations.get(relay)?;
            Some((*relay, allocation.channels.peer(now.at, number)?))
        });
        match peer {
            Some((relay, peer)) => self.pass_on(now, relay, peer, buffer, data),
            None => Output::Nothing,
        }
    }

    fn on_message(&mut self, now: Now, client: Client, buffer: &mut Buffer, packet: Range<usize>) -> Output {
        let bytes = buffer.at(packet.clone());
        // The library warns of all that is malformed, and takes what stands behind a message for a part of it.
        if !is_whole_message(bytes) {
            return Output::Nothing;
        }
        let Ok(message) = Message::from_bytes(bytes) else { return Output::Nothing };
        match (message.class(), message.method()) {
            (MessageClass::Request, BINDING) => {
                if !self.throttle.may_answer(now.at, Source::of(client.address.ip())) {
                    return Output::Nothing;
                }
                answered(answer::binding(&message, client.seen_at()))
            }
            (MessageClass::Request, _) => self.handle_request(now, client, &message),
            (MessageClass::Indication, SEND) => match sent(&message) {
                Some((peer, data)) => {
                    let data = packet.start + data.start..packet.start + data.end;
                    self.on_send(now, client, peer, buffer, data)
                }
                None => Output::Nothing,
            },
            (MessageClass::Indication | MessageClass::Success | MessageClass::Error, _) => Output::Nothing,
        }
    }

    fn on_send(
        &mut self,
        now: Now,
        client: Client,
        peer: SocketAddr,
        buffer: &mut Buffer,
        data: Range<usize>,
    ) -> Output {
        match self.by_client.get(&client) {
            Some(relay) => self.pass_on(now, *relay, peer, buffer, data),
            None => Output::Nothing,
        }
    }

    /// Passes on what a client says, to a peer that it has a permission for.
    fn pass_on(
        &mut self,
        now: Now,
        relay: RelayId,
        peer: SocketAddr,
        buffer: &mut Buffer,
        data: Range<usize>,
    ) -> Output {
        let Some(allocation) = self.allocations.get_mut(&relay) else { return Output::Nothing };
        let permission = allocation.permissions.of(now.at, peer.ip());
        let Some(permission) = permission.filter(|_| now.at < allocation.expires_at) else {
            return Output::Nothing;
        };
        if !allocation.to_peers.take(now.at, data.len()) {
            self.metrics.dropped.inc();
            return Output::Nothing;
        }
        // Between two relays of this server nothing has to leave it: a NAT in front of it might not let it back in.
        if let Some(other) = self.by_relayed.get(&peer).copied() {
            let from = allocation.relayed;
            self.metrics.bytes_to_peers.inc_by(data.len() as u64);
            return match self.handle_peer(now, other, from, buffer, data) {
                Some((client, packet)) => Output::ToClient { client, packet },
                None => Output::Nothing,
            };
        }
        if !permission.all_ports || peer.is_ipv4() != allocation.relayed.is_ipv4() {
            return Output::Nothing;
        }
        self.metrics.bytes_to_peers.inc_by(data.len() as u64);
        Output::ToPeer { relay, peer, data }
    }
}

/// An answer that cannot be written is a fault of this server's; whoever waits for it asks again.
pub(super) fn answered(answer: Result<Vec<u8>, StunWriteError>) -> Output {
    match answer {
        Ok(answer) => Output::Answer(answer),
        Err(error) => {
            warn!(%error, "an answer cannot be written");
            Output::Nothing
        }
    }
}

/// Whether these bytes are one STUN message, by its header and the lengths of its attributes (RFC 8489 sections 5 and 14).
fn is_whole_message(bytes: &[u8]) -> bool {
    let [_, _, l0, l1, 0x21, 0x12, 0xa4, 0x42, _, _, _, _, _, _, _, _, _, _, _, _, attributes @ ..] = bytes
    else {
        return false;
    };
    if usize::from(u16::from_be_bytes([*l0, *l1])) != attributes.len() {
        return false;
    }
    let mut rest = attributes;
    while !rest.is_empty() {
        let [_, _, l0, l1, behind @ ..] = rest else { return false };
        let padded = usize::from(u16::from_be_bytes([*l0, *l1])).next_multiple_of(4);
        let Some(behind) = behind.get(padded..) else { return false };
        rest = behind;
    }
    true
}

/// To whom a Send indication (RFC 8656 section 11.3) goes, and where in it the data is.
fn sent(message: &Message<'_>) -> Option<(SocketAddr, Range<usize>)> {
    let peer = message.attribute::<XorPeerAddress>().ok()?.addr(message.transaction_id());
    let (offset, data) = message.raw_attribute_and_offset(Data::TYPE)?;
    let start = offset + 4;
    Some((peer, start..start + data.value.len()))
}
