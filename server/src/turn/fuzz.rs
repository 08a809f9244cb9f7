//! For fuzzing: what a client, a peer and a stream can bring; never a panic, and never much for little.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use stun_types::attribute::{
    AttributeStaticType as _, Fingerprint, MessageIntegrity, MessageIntegritySha256, Nonce, Realm, Username,
};
use stun_types::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageWriteVec, StunWriteError,
};
use stun_types::prelude::{Attribute as _, MessageWrite as _, MessageWriteExt as _};

use super::packet::Buffer;
use super::protocol::{Now, Output, RelayId, Settings, Turn};
use super::{Client, Via, credentials, mint};
use crate::config::{Password, TurnConfig};
use crate::metrics::TurnMetrics;
use visavis_turn_framing::{Deframer, framed};

const SECRET: &str = "north";
const EPOCH_S: u64 = 1_000_000;
/// How a username begins that is good for a while yet.
const LATER: &str = "2000000:";
const CLIENTS: [u16; 2] = [40_001, 40_002];
const PEER_PORT: u16 = 50_000;
/// What is answered to a packet of nobody in particular, at most: as many bytes for each of the packet's.
const MOST_ANSWERED: f64 = 3.5;
/// The shortest message that makes a whole STUN message with one attribute.
const HEADER_BYTES: usize = 20;

/// What happens, each in a record of a kind, an amount and, where it is of bytes, so many of them:
///
/// | kind, of 4 | |
/// |---|---|
/// | 0 | the first client's packet |
/// | 1 | a request, in the same form, that its client signs, of which there are two |
/// | 2 | a peer's packet to a relay |
/// | 3 | seconds pass |
#[doc(hidden)]
pub fn fuzz_turn(bytes: &[u8]) {
    let Some(mut world) = World::new() else { return };
    let mut rest = bytes;
    while let [kind, amount, behind @ ..] = rest {
        let length = if kind % 4 < 3 { usize::from(*amount).min(behind.len()) } else { 0 };
        let (record, behind) = behind.split_at(length);
        match kind % 4 {
            0 => world.send(CLIENTS[0], record, Standing::Unknown),
            1 => world.ask(CLIENTS[usize::from(kind / 4 % 2)], record),
            2 => world.hear(u64::from(kind / 4 % 4), record),
            _ => world.pass(u64::from(*amount)),
        }
        rest = behind;
    }
}

/// A stream of TURN: however it is cut, the same frames come out of it, or the same end, and little is kept.
#[doc(hidden)]
pub fn fuzz_turn_stream(bytes: &[u8]) {
    let whole = frames(bytes, bytes.len().max(1));
    let cut = usize::from(bytes.first().copied().unwrap_or_default() % 31) + 1;
    assert_eq!(whole, frames(bytes, cut), "in pieces of {cut}");
    if let (frames, Ending::Open) = &whole {
        let again: Vec<u8> = frames.iter().flat_map(|frame| framed(frame)).collect();
        assert_eq!(self::frames(&again, 7), (frames.clone(), Ending::Open));
    }
    if let Ok(name) = std::str::from_utf8(bytes) {
        assert!(
            credentials::id_in(name, EPOCH_S).is_ok_and(|id| name.ends_with(id)) || !name.starts_with(LATER)
        );
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Open,
    Garbage,
}

fn frames(bytes: &[u8], cut: usize) -> (Vec<Vec<u8>>, Ending) {
    let mut deframer = Deframer::default();
    let mut frames = Vec::new();
    for piece in bytes.chunks(cut) {
        deframer.push(piece);
        loop {
            match deframer.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, Ending::Garbage),
            }
        }
    }
    (frames, Ending::Open)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Known,
}

struct World {
    turn: Turn,
    buffer: Buffer,
    now: Now,
    username: String,
    realm: String,
    key: IntegrityKey,
    port: u16,
}

impl World {
    fn new() -> Option<Self> {
        let config = TurnConfig::default();
        let realm = config.realm.as_str().to_owned();
        let own: IpAddr = Ipv4Addr::new(198, 41, 0, 4).into();
        let secret = Password::try_from(SECRET.to_owned()).ok()?;
        let settings = Settings::new(&config, secret, vec![own], vec![own]);
        let now = Now { at: Instant::now(), unix_s: EPOCH_S };
        let turn = Turn::new(settings, TurnMetrics::default(), StdRng::seed_from_u64(1), now.at);
        let credentials = mint(SECRET, "owl", EPOCH_S * 2);
        let key =
            LongTermKeyCredentials::new(credentials.username.clone(), credentials.password, realm.clone())
                .make_key(IntegrityAlgorithm::Sha1);
        let username = credentials.username;
        Some(Self { turn, buffer: Buffer::new(), now, username, realm, key, port: 50_000 })
    }

    fn send(&mut self, port: u16, packet: &[u8], standing: Standing) {
        let client = client(port);
        let length = packet.len();
        let packet = self.buffer.fill(packet);
        match self.turn.handle_client(self.now, client, &mut self.buffer, packet) {
            Output::Answer(answer) => {
                let bound = length.max(HEADER_BYTES) as f64 * MOST_ANSWERED;
                assert!(standing == Standing::Known || answer.len() as f64 <= bound, "{}", answer.len());
            }
            Output::Open(opening) => {
                assert_eq!(standing, Standing::Known, "a relay for nobody");
                let port = Some(self.port).filter(|port| port % 5 != 4);
                self.port = self.port.wrapping_add(1).max(1024);
                self.turn.opened(self.now, opening, port);
            }
            Output::ToPeer { data: range, .. } | Output::ToClient { packet: range, .. } => {
                self.buffer.at(range);
            }
            Output::Nothing | Output::Close { .. } => {}
        }
    }

    /// The message is the record's, and what it takes to be believed is added.
    fn ask(&mut self, port: u16, record: &[u8]) {
        let nonce = self.turn.nonces.give(self.now.at, client(port).address);
        if let Some(Ok(request)) = self.signed(record, &nonce) {
            self.send(port, &request, Standing::Known);
        }
    }

    /// The method and the attributes of a record; `None` if it is no message.
    fn signed(&self, record: &[u8], nonce: &str) -> Option<Result<Vec<u8>, StunWriteError>> {
        let [method, attributes @ ..] = record else { return None };
        let attributes = attributes.get(..attributes.len() / 4 * 4)?;
        let length = u16::try_from(attributes.len()).ok()?;
        let mut plain = vec![0, *method];
        plain.extend_from_slice(&length.to_be_bytes());
        plain.extend_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
        plain.extend_from_slice(&[7; 12]);
        plain.extend_from_slice(attributes);
        let message = Message::from_bytes(&plain).ok()?;
        let mut request =
            Message::builder(message.get_type(), message.transaction_id(), MessageWriteVec::new());
        Some((|| {
            for (_, attribute) in message.iter_attributes() {
                // The library wants these to be asked for by name.
                let is_own = [MessageIntegrity::TYPE, MessageIntegritySha256::TYPE, Fingerprint::TYPE]
                    .contains(&attribute.get_type());
                if !is_own {
                    request.add_attribute(&attribute)?;
                }
            }
            request.add_attribute(&Username::new(&self.username)?)?;
            request.add_attribute(&Realm::new(&self.realm)?)?;
            request.add_attribute(&Nonce::new(nonce)?)?;
            request.add_message_integrity_with_key(&self.key, IntegrityAlgorithm::Sha1)?;
            Ok(request.finish())
        })())
    }

    fn hear(&mut self, relay: u64, data: &[u8]) {
        let peer = SocketAddr::from(([8, 8, 8, 8], PEER_PORT));
        let data = self.buffer.fill(data);
        let heard = self.turn.handle_peer(self.now, RelayId(relay), peer, &mut self.buffer, data);
        if let Some((_, packet)) = heard {
            self.buffer.at(packet);
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = Now { at: self.now.at + Duration::from_secs(seconds), unix_s: self.now.unix_s + seconds };
        self.turn.handle_time(self.now.at);
    }
}

fn client(port: u16) -> Client {
    Client { via: Via::Datagrams(None), address: SocketAddr::from(([192, 0, 2, 7], port)) }
}
