//! A TURN server in virtual time, with clients that do everything by hand.

mod access;
mod bounds;
mod relaying;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use stun_types::attribute::{ErrorCode, Nonce, Realm, Username};
use stun_types::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageClass, MessageWriteVec, Method,
};
use stun_types::prelude::{AttributeWrite, MessageWrite as _, MessageWriteExt as _};
use turn_types::attribute::{
    ChannelNumber, Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};

use super::packet::Buffer;
use super::protocol::{Now, Output, RelayId, Settings, Turn};
use super::{Client, Credentials, Via, mint};
use crate::config::{Password, TurnConfig, TurnLimits};
use crate::metrics::TurnMetrics;

const REALM: &str = "visavis";
const SECRET: &str = "north";
/// When the tests begin, in seconds of the Unix epoch.
const EPOCH_S: u64 = 1_000_000;
const DAY_S: u64 = 86_400;

/// The server, its sockets and the time.
struct World {
    turn: Turn,
    metrics: TurnMetrics,
    buffer: Buffer,
    start: Instant,
    passed: Duration,
    /// The next free port, while there are any.
    port: Option<u16>,
}

/// What a packet led to.
#[derive(Debug, PartialEq)]
enum Sent {
    Nothing,
    Answer(Vec<u8>),
    ToPeer { relay: RelayId, peer: SocketAddr, data: Vec<u8> },
    ToClient { client: Client, packet: Vec<u8> },
}

impl World {
    fn new() -> Self {
        Self::with(TurnLimits::DEFAULT)
    }

    fn with(limits: TurnLimits) -> Self {
        let config = TurnConfig { limits, ..TurnConfig::default() };
        let announced = vec![ip("198.41.0.4"), ip("2001:500:2::c")];
        let own = announced.iter().copied().chain([ip("198.41.0.5")]).collect();
        let secret = Password::try_from(SECRET.to_owned()).expect("a secret");
        let (metrics, start) = (TurnMetrics::default(), Instant::now());
        let settings = Settings::new(&config, secret, announced, own);
        let turn = Turn::new(settings, metrics.clone(), StdRng::seed_from_u64(1), start);
        Self { turn, metrics, buffer: Buffer::new(), start, passed: Duration::ZERO, port: Some(50_000) }
    }

    fn pass(&mut self, seconds: u64) -> Vec<RelayId> {
        self.passed += Duration::from_secs(seconds);
        self.turn.handle_time(self.now().at)
    }

    fn now(&self) -> Now {
        Now { at: self.start + self.passed, unix_s: EPOCH_S + self.passed.as_secs() }
    }

    fn send(&mut self, client: Client, packet: &[u8]) -> Sent {
        let packet = self.buffer.fill(packet);
        let now = self.now();
        let output = self.turn.handle_client(now, client, &mut self.buffer, packet);
        let output = if let Output::Open(opening) = output {
            let port = self.port;
            self.port = port.map(|port| port + 1);
            self.turn.opened(now, opening, port)
        } else {
            output
        };
        match output {
            Output::Nothing => Sent::Nothing,
            Output::Answer(answer) | Output::Close { answer, .. } => Sent::Answer(answer),
            Output::ToPeer { relay, peer, data } => {
                Sent::ToPeer { relay, peer, data: self.buffer.at(data).to_vec() }
            }
            Output::ToClient { client, packet } => {
                Sent::ToClient { client, packet: self.buffer.at(packet).to_vec() }
            }
            Output::Open(_) => panic!("a relay is opened twice"),
        }
    }

    fn hear(&mut self, relay: RelayId, peer: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
        let data = self.buffer.fill(data);
        let now = self.now();
        let (_, packet) = self.turn.handle_peer(now, relay, peer, &mut self.buffer, data)?;
        Some(self.buffer.at(packet).to_vec())
    }

    fn refusals(&self, code: u16) -> u64 {
        self.metrics.refusals_of(code)
    }
}

/// Somebody with credentials, at an address.
#[derive(Debug, Clone)]
struct Caller {
    client: Client,
    username: String,
    key: IntegrityKey,
    nonce: String,
}

impl Caller {
    /// With credentials for a day, at a port of its own; not challenged yet.
    fn new(id: &str, port: u16) -> Self {
        Self::with(&mint(SECRET, id, EPOCH_S + DAY_S), port)
    }

    fn with(Credentials { username, password }: &Credentials, port: u16) -> Self {
        let key = LongTermKeyCredentials::new(username.clone(), password.clone(), REALM.to_owned())
            .make_key(IntegrityAlgorithm::Sha1);
        let address = SocketAddr::from(([192, 0, 2, 7], port));
        let client = Client { via: Via::Datagrams(None), address };
        Self { client, username: username.clone(), key, nonce: "none yet".to_owned() }
    }

    /// Asks until it has been challenged; the code of the refusal, or 0.
    fn ask(&mut self, world: &mut World, method: Method, attributes: &[&dyn AttributeWrite]) -> u16 {
        for _ in 0..2 {
            let code = match self.ask_once(world, method, attributes) {
                Some(answer) => code_of(&answer),
                None => panic!("no answer to {method}"),
            };
            if code != 438 {
                return code;
            }
        }
        438
    }

    fn ask_once(
        &mut self,
        world: &mut World,
        method: Method,
        attributes: &[&dyn AttributeWrite],
    ) -> Option<Vec<u8>> {
        let request = self.request(method, attributes);
        let Sent::Answer(answer) = world.send(self.client, &request) else { return None };
        let message = Message::from_bytes(&answer).expect("a message");
        if let Ok(nonce) = message.attribute::<Nonce>() {
            self.nonce = nonce.nonce().to_owned();
        } else if code_of(&answer) != 400 {
            message.validate_integrity_with_key(&self.key).expect("it is signed");
        }
        Some(answer)
    }

    fn request(&self, method: Method, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
        let mut request = Message::builder_request(method, MessageWriteVec::new());
        for attribute in attributes {
            request.add_attribute(*attribute).expect("it fits");
        }
        self.sign(request)
    }

    fn sign(&self, mut request: MessageWriteVec) -> Vec<u8> {
        request.add_attribute(&Username::new(&self.username).expect("short")).expect("it fits");
        request.add_attribute(&Realm::new(REALM).expect("short")).expect("it fits");
        request.add_attribute(&Nonce::new(&self.nonce).expect("short")).expect("it fits");
        request.add_message_integrity_with_key(&self.key, IntegrityAlgorithm::Sha1).expect("it fits");
        request.finish()
    }

    fn allocate(&mut self, world: &mut World) -> u16 {
        self.ask(world, ALLOCATE, &[&RequestedTransport::new(RequestedTransport::UDP)])
    }

    /// Has a relay; what others call it by.
    fn relayed(&mut self, world: &mut World) -> (RelayId, SocketAddr) {
        assert_eq!(self.allocate(world), 0);
        let relay = world.turn.by_client[&self.client];
        (relay, world.turn.allocations[&relay].relayed)
    }

    fn refresh(&mut self, world: &mut World, seconds: u32) -> u16 {
        self.ask(world, REFRESH, &[&Lifetime::new(seconds)])
    }

    /// The attribute is made for one transaction, so the request is too.
    fn about_peer(
        &mut self,
        world: &mut World,
        method: Method,
        channel: Option<u16>,
        peer: SocketAddr,
    ) -> u16 {
        for _ in 0..2 {
            let mut request = Message::builder_request(method, MessageWriteVec::new());
            let transaction = request.transaction_id();
            request.add_attribute(&XorPeerAddress::new(peer, transaction)).expect("it fits");
            if let Some(number) = channel {
                request.add_attribute(&ChannelNumber::new(number)).expect("it fits");
            }
            let request = self.sign(request);
            let Sent::Answer(answer) = world.send(self.client, &request) else { panic!("no answer") };
            let message = Message::from_bytes(&answer).expect("a message");
            match message.attribute::<Nonce>() {
                Ok(nonce) => self.nonce = nonce.nonce().to_owned(),
                Err(_) => return code_of(&answer),
            }
        }
        438
    }

    fn permit(&mut self, world: &mut World, peer: SocketAddr) -> u16 {
        self.about_peer(world, CREATE_PERMISSION, None, peer)
    }

    fn bind(&mut self, world: &mut World, channel: u16, peer: SocketAddr) -> u16 {
        self.about_peer(world, CHANNEL_BIND, Some(channel), peer)
    }

    fn indicate(&self, world: &mut World, peer: SocketAddr, data: &[u8]) -> Sent {
        let mut indication = Message::builder_indication(SEND, MessageWriteVec::new());
        let transaction = indication.transaction_id();
        indication.add_attribute(&XorPeerAddress::new(peer, transaction)).expect("it fits");
        indication.add_attribute(&Data::new(data)).expect("it fits");
        world.send(self.client, &indication.finish())
    }
}

/// Of an error; 0 of a success.
fn code_of(answer: &[u8]) -> u16 {
    let message = Message::from_bytes(answer).expect("a message");
    match message.class() {
        MessageClass::Success => 0,
        MessageClass::Error => message.attribute::<ErrorCode>().expect("a code").code(),
        class @ (MessageClass::Request | MessageClass::Indication) => panic!("{class:?} is no answer"),
    }
}

fn relayed_in(answer: &[u8]) -> SocketAddr {
    let message = Message::from_bytes(answer).expect("a message");
    let relayed = message.attribute::<XorRelayedAddress>().expect("an address");
    relayed.addr(message.transaction_id())
}

fn ip(text: &str) -> std::net::IpAddr {
    text.parse().expect("an address")
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}
