//! The relay from outside: real sockets, over UDP, TCP, and TLS at the port of HTTPS.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use stun_types::attribute::{ErrorCode, Nonce, Realm, Username};
use stun_types::message::{
    BINDING, IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageClass,
    MessageWriteVec, Method,
};
use stun_types::prelude::{MessageWrite as _, MessageWriteExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::yield_now;
use tokio_rustls::rustls::version;
use turn_types::AddressFamily;
use turn_types::attribute::{
    ChannelNumber, Data, RequestedAddressFamily, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, SEND};
use visavis_protocol::{IceMode, IceServer, PROTOCOL_VERSION, ServerMessage};
use visavis_server::{AdminConfig, Config, IceConfig, Server, TurnConfig};

use crate::admin::metric;
use crate::support::{Client, TestServer, hello, within};
use crate::tls::Identity;

const ADA: &[u8] = b"from Ada";
const BOB: &[u8] = b"from Bob!";

fn on(listen: impl Into<std::net::IpAddr>) -> Config {
    let listen = SocketAddr::new(listen.into(), 0);
    let allow = vec!["127.0.0.2/32".parse().expect("a network"), "::1/128".parse().expect("a network")];
    let admin = AdminConfig { listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))), ..AdminConfig::default() };
    let turn = TurnConfig { enabled: true, listen, allow, ..TurnConfig::default() };
    Config { turn, admin, ..Config::default() }
}

async fn start() -> TestServer {
    TestServer::start_with(on(Ipv4Addr::LOCALHOST)).await
}

/// What a new session is told.
async fn welcome(server: &TestServer) -> (Vec<IceServer>, Option<IceMode>) {
    welcome_to(Client::connect(server).await).await
}

async fn welcome_to(mut client: Client) -> (Vec<IceServer>, Option<IceMode>) {
    client.say(&hello(PROTOCOL_VERSION)).await;
    match client.hear().await {
        ServerMessage::Welcome { ice_servers, ice_mode, .. } => (ice_servers, ice_mode),
        other => panic!("no welcome: {other:?}"),
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

enum Link {
    Datagrams(UdpSocket),
    Stream(Box<dyn Io>),
}

impl Link {
    async fn udp(server: &TestServer) -> Self {
        let address = server.turn.expect("it relays");
        let socket = UdpSocket::bind(SocketAddr::new(address.ip(), 0)).await.expect("a socket");
        socket.connect(address).await.expect("an address");
        Self::Datagrams(socket)
    }

    async fn tcp(server: &TestServer) -> Self {
        let address = server.turn.expect("it relays");
        Self::Stream(Box::new(TcpStream::connect(address).await.expect("it listens")))
    }

    /// At the port of HTTP.
    async fn http(server: &TestServer) -> Self {
        Self::Stream(Box::new(TcpStream::connect(server.address).await.expect("it listens")))
    }

    async fn send(&mut self, packet: &[u8]) {
        match self {
            Self::Datagrams(socket) => drop(socket.send(packet).await.expect("it is sent")),
            Self::Stream(stream) => {
                let mut frame = packet.to_vec();
                frame.resize(packet.len().next_multiple_of(4), 0);
                stream.write_all(&frame).await.expect("it is sent");
            }
        }
    }

    /// The next packet; padding behind ChannelData in a stream belongs to it.
    async fn receive(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 2048];
        let length = match self {
            Self::Datagrams(socket) => within(socket.recv(&mut bytes)).await.expect("a packet"),
            Self::Stream(stream) => {
                within(stream.read_exact(&mut bytes[..4])).await.expect("a header");
                let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
                let rest = if bytes[0] < 4 { 16 + length } else { length.next_multiple_of(4) };
                within(stream.read_exact(&mut bytes[4..4 + rest])).await.expect("the rest");
                4 + rest
            }
        };
        bytes.truncate(length);
        bytes
    }
}

/// Somebody who is relayed.
struct Caller {
    link: Link,
    username: String,
    password: String,
    realm: String,
    nonce: String,
}

impl Caller {
    /// With the credentials of a session that it begins.
    async fn new(server: &TestServer, link: Link) -> Self {
        Self::told(welcome(server).await.0, link)
    }

    /// With the credentials of a welcome.
    fn told(servers: Vec<IceServer>, link: Link) -> Self {
        let relay = servers.into_iter().find(|server| server.username.is_some()).expect("a relay");
        let IceServer { username: Some(username), credential: Some(password), .. } = relay else {
            panic!("no credentials");
        };
        Self { link, username, password, realm: "visavis".to_owned(), nonce: "none yet".to_owned() }
    }

    fn key(&self) -> IntegrityKey {
        LongTermKeyCredentials::new(self.username.clone(), self.password.clone(), self.realm.clone())
            .make_key(IntegrityAlgorithm::Sha1)
    }

    /// Asks, once more if it has to prove who it is with another nonce.
    async fn ask(&mut self, method: Method, add: impl Fn(&mut MessageWriteVec)) -> Result<Vec<u8>, u16> {
        for _ in 0..2 {
            let mut request = Message::builder_request(method, MessageWriteVec::new());
            add(&mut request);
            request.add_attribute(&Username::new(&self.username).expect("short")).expect("it fits");
            request.add_attribute(&Realm::new(&self.realm).expect("short")).expect("it fits");
            request.add_attribute(&Nonce::new(&self.nonce).expect("short")).expect("it fits");
            request.add_message_integrity_with_key(&self.key(), IntegrityAlgorithm::Sha1).expect("it fits");
            self.link.send(&request.finish()).await;
            let answer = self.link.receive().await;
            let message = Message::from_bytes(&answer).expect("a message");
            if message.class() == MessageClass::Success {
                message.validate_integrity_with_key(&self.key()).expect("it is signed");
                return Ok(answer);
            }
            let code = message.attribute::<ErrorCode>().expect("a code").code();
            if code != 438 {
                return Err(code);
            }
            self.nonce = message.attribute::<Nonce>().expect("a nonce").nonce().to_owned();
        }
        Err(438)
    }

    async fn allocate(&mut self, family: AddressFamily) -> Result<SocketAddr, u16> {
        let answer = self
            .ask(ALLOCATE, |request| {
                let udp = RequestedTransport::new(RequestedTransport::UDP);
                request.add_attribute(&udp).expect("it fits");
                request.add_attribute(&RequestedAddressFamily::new(family)).expect("it fits");
            })
            .await?;
        let message = Message::from_bytes(&answer).expect("a message");
        let relayed = message.attribute::<XorRelayedAddress>().expect("an address");
        Ok(relayed.addr(message.transaction_id()))
    }

    async fn permit(&mut self, peer: SocketAddr) -> Result<Vec<u8>, u16> {
        self.ask(CREATE_PERMISSION, |request| add_peer(request, peer)).await
    }

    async fn bind(&mut self, channel: u16, peer: SocketAddr) -> Result<Vec<u8>, u16> {
        self.ask(CHANNEL_BIND, |request| {
            request.add_attribute(&ChannelNumber::new(channel)).expect("it fits");
            add_peer(request, peer);
        })
        .await
    }

    async fn indicate(&mut self, peer: SocketAddr, data: &[u8]) {
        let mut indication = Message::builder_indication(SEND, MessageWriteVec::new());
        add_peer(&mut indication, peer);
        indication.add_attribute(&Data::new(data)).expect("it fits");
        self.link.send(&indication.finish()).await;
    }

    async fn hear_indication(&mut self) -> (SocketAddr, Vec<u8>) {
        let packet = self.link.receive().await;
        let message = Message::from_bytes(&packet).expect("an indication");
        let peer = message.attribute::<XorPeerAddress>().expect("a peer");
        let data = message.attribute::<Data<'_>>().expect("data").data().to_vec();
        (peer.addr(message.transaction_id()), data)
    }

    async fn say_in_channel(&mut self, channel: u16, data: &[u8]) {
        self.link.send(&channel_data(channel, data)).await;
    }

    async fn hear_in_channel(&mut self, channel: u16, data: &[u8]) {
        let packet = self.link.receive().await;
        let expected = channel_data(channel, data);
        let (heard, padding) = packet.split_at(expected.len());
        assert_eq!(heard, expected);
        assert!(padding.len() < 4);
    }
}

fn add_peer(message: &mut MessageWriteVec, peer: SocketAddr) {
    let transaction = message.transaction_id();
    message.add_attribute(&XorPeerAddress::new(peer, transaction)).expect("it fits");
}

fn channel_data(channel: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("short");
    [&channel.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
}

/// A peer that is on no relay.
async fn peer(address: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(address).await.expect("a socket");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = vec![0; 2048];
    let (length, from) = within(socket.recv_from(&mut bytes)).await.expect("a packet");
    bytes.truncate(length);
    (bytes, from)
}

#[tokio::test]
async fn the_welcome_names_the_relay_and_which_paths_may_be_taken() {
    let server = start().await;
    let port = server.turn.expect("it relays").port();
    let (servers, mode) = welcome(&server).await;
    let urls: Vec<_> = servers.iter().flat_map(|server| server.urls.clone()).collect();
    let relay = format!("127.0.0.1:{port}");
    let expected = [
        format!("stun:{relay}"),
        format!("turn:{relay}?transport=udp"),
        format!("turn:{relay}?transport=tcp"),
    ];
    assert_eq!((urls, mode), (expected.to_vec(), None));

    let ice = IceConfig { mode: IceMode::Relay, ..IceConfig::default() };
    let server = TestServer::start_with(Config { ice, ..Config::default() }).await;
    assert_eq!(welcome(&server).await, (vec![], Some(IceMode::Relay)));
}

/// Says and hears something by way of its relay, in indications and in a channel; the peer says this often [`BOB`].
async fn is_relayed(mut ada: Caller) -> usize {
    let relayed = ada.allocate(AddressFamily::IPV4).await.expect("a relay");
    let (bob, bob_at) = peer("127.0.0.2:0").await;

    ada.permit(bob_at).await.expect("a permission");
    ada.indicate(bob_at, ADA).await;
    assert_eq!(receive(&bob).await, (ADA.to_vec(), relayed));
    bob.send_to(BOB, relayed).await.expect("it is sent");
    assert_eq!(ada.hear_indication().await, (bob_at, BOB.to_vec()));

    ada.bind(0x4001, bob_at).await.expect("a channel");
    ada.say_in_channel(0x4001, ADA).await;
    assert_eq!(receive(&bob).await, (ADA.to_vec(), relayed));
    for _ in 0..3 {
        bob.send_to(BOB, relayed).await.expect("it is sent");
        ada.hear_in_channel(0x4001, BOB).await;
    }
    4
}

#[tokio::test]
async fn a_session_is_relayed_over_udp_tcp_and_the_port_of_http() {
    let server = start().await;
    let mut said = 0;
    for link in [Link::udp(&server).await, Link::tcp(&server).await, Link::http(&server).await] {
        said += is_relayed(Caller::new(&server, link).await).await;
    }
    let operators = server.admin.expect("it answers operators");
    assert_eq!(metric(operators, "visavis_turn_allocations_opened_total").await, 3.0);
    let bytes = metric(operators, "visavis_turn_bytes_to_clients_total").await;
    assert_eq!(bytes, (said * BOB.len()) as f64);
}

#[tokio::test]
async fn a_session_is_relayed_over_tls_at_the_port_of_https() {
    let identity = Identity::new();
    let tls = identity.config().tls;
    let server = TestServer::start_with(Config { tls, ..on(Ipv4Addr::LOCALHOST) }).await;
    let client = identity.client(&server).await.expect("a connection");
    let (servers, _) = welcome_to(client).await;
    let secure = format!("turns:127.0.0.1:{}?transport=tcp", server.address.port());
    assert!(servers.iter().any(|server| server.urls.contains(&secure)), "{servers:?}");

    let stream = identity.connect(server.address, &[&version::TLS13]).await.expect("a handshake");
    is_relayed(Caller::told(servers, Link::Stream(Box::new(stream)))).await;
    let operators = server.admin.expect("it answers operators");
    assert_eq!(metric(operators, "visavis_turn_allocations_opened_total").await, 1.0);
}

#[tokio::test]
async fn two_who_are_relayed_reach_each_other_however_they_came() {
    let server = start().await;
    let mut ada = Caller::new(&server, Link::udp(&server).await).await;
    let mut bob = Caller::new(&server, Link::tcp(&server).await).await;
    let ada_at = ada.allocate(AddressFamily::IPV4).await.expect("a relay");
    let bob_at = bob.allocate(AddressFamily::IPV4).await.expect("a relay");
    ada.bind(0x4000, bob_at).await.expect("a channel");
    bob.bind(0x4000, ada_at).await.expect("a channel");
    ada.say_in_channel(0x4000, ADA).await;
    bob.hear_in_channel(0x4000, ADA).await;
    bob.say_in_channel(0x4000, BOB).await;
    ada.hear_in_channel(0x4000, BOB).await;
}

#[tokio::test]
async fn an_ipv6_relay_reaches_ipv6_peers() {
    let server = TestServer::start_with(on(Ipv6Addr::LOCALHOST)).await;
    let mut ada = Caller::new(&server, Link::udp(&server).await).await;
    assert_eq!(ada.allocate(AddressFamily::IPV4).await, Err(440));
    let relayed = ada.allocate(AddressFamily::IPV6).await.expect("a relay");
    let (bob, bob_at) = peer("[::1]:0").await;
    ada.permit(bob_at).await.expect("a permission");
    ada.indicate(bob_at, ADA).await;
    assert_eq!(receive(&bob).await, (ADA.to_vec(), relayed));
    bob.send_to(BOB, relayed).await.expect("it is sent");
    assert_eq!(ada.hear_indication().await, (bob_at, BOB.to_vec()));
}

#[tokio::test]
async fn a_forbidden_peer_hears_nothing() {
    let server = start().await;
    let mut ada = Caller::new(&server, Link::udp(&server).await).await;
    ada.allocate(AddressFamily::IPV4).await.expect("a relay");
    let (inside, inside_at) = peer("127.0.0.1:0").await;
    let (outside, outside_at) = peer("127.0.0.2:0").await;
    assert_eq!(ada.permit(inside_at).await, Err(403));
    assert_eq!(ada.bind(0x4000, inside_at).await, Err(403));
    ada.permit(outside_at).await.expect("a permission");
    ada.indicate(inside_at, b"secret").await;
    ada.indicate(outside_at, ADA).await;
    // What was sent first would have come first.
    assert_eq!(receive(&outside).await.0, ADA);
    assert!(inside.try_recv(&mut [0; 16]).is_err());
    let operators = server.admin.expect("it answers operators");
    assert_eq!(metric(operators, "visavis_turn_refusals_total{code=\"403\"}").await, 2.0);
}

#[tokio::test]
async fn who_has_no_credentials_has_no_relay() {
    let server = start().await;
    let mut eve = Caller::new(&server, Link::udp(&server).await).await;
    eve.password.push('x');
    assert_eq!(eve.allocate(AddressFamily::IPV4).await, Err(401));
    let operators = server.admin.expect("it answers operators");
    assert_eq!(metric(operators, "visavis_turn_refusals_total{code=\"401\"}").await, 1.0);
    assert_eq!(metric(operators, "visavis_turn_allocations_opened_total").await, 0.0);
}

#[tokio::test]
async fn a_connection_takes_its_relay_with_it() {
    let server = start().await;
    let operators = server.admin.expect("it answers operators");
    let mut ada = Caller::new(&server, Link::tcp(&server).await).await;
    ada.allocate(AddressFamily::IPV4).await.expect("a relay");
    assert_eq!(metric(operators, "visavis_turn_allocations").await, 1.0);
    drop(ada);
    within(async {
        while metric(operators, "visavis_turn_allocations").await != 0.0 {
            yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_speaks_something_else_is_closed() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.turn.expect("it relays")).await.expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("it is sent");
    let mut answer = Vec::new();
    // A reset is an end too.
    within(stream.read_to_end(&mut answer)).await.ok();
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn anybody_is_told_where_it_is_seen() {
    let server = start().await;
    for mut link in [Link::udp(&server).await, Link::tcp(&server).await] {
        let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
        link.send(&request).await;
        let answer = link.receive().await;
        let message = Message::from_bytes(&answer).expect("a message");
        let seen = message.attribute::<stun_types::attribute::XorMappedAddress>().expect("an address");
        let seen = seen.addr(message.transaction_id());
        assert_eq!(seen.ip(), Ipv4Addr::LOCALHOST);
        if let Link::Datagrams(socket) = &link {
            assert_eq!(seen, socket.local_addr().expect("an address"));
        }
    }
}

#[tokio::test]
async fn an_address_that_nobody_is_told_is_an_error_at_the_start() {
    let config = on(Ipv4Addr::UNSPECIFIED);
    let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let error =
        Server::bind(Config { listen: listen.clone(), ..config.clone() }).await.expect_err("no address");
    assert!(error.to_string().contains("turn.public_addresses"), "{error}");
    let public_addresses = vec![Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into()];
    let turn = TurnConfig { public_addresses, ..config.turn };
    let error = Server::bind(Config { listen, turn, ..Config::default() }).await.expect_err("two");
    assert!(error.to_string().contains("more than one address"), "{error}");
}
