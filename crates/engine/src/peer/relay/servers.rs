//! Which relays are reached over a stream, and what the agent is told in their place.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rtc::ice::url::{ProtoType, SchemeType, Url};
use tracing::debug;
use visavis_protocol::{IceServer, RelayProtocol};
use webrtc::peer_connection::RTCIceServer;

/// Addresses that nobody has: the dummy address of RFC 7600 section 4.8, and one of the discard prefix of RFC 6666. The port says
/// which server is meant.
const STAND_IN_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
const STAND_IN_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 8);
const FIRST_PORT: u16 = 1;
/// More than anybody needs; each may cost a connection for each address of this host.
const MAX_STREAM_SERVERS: usize = 8;

/// A TURN server that is reached over a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamServer {
    /// A name or an address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) has_tls: bool,
}

/// The servers of a connection. Has no `Debug`: credentials are secrets.
#[derive(Default)]
pub(super) struct Servers {
    /// As the agent is told of them.
    pub(super) told: Vec<RTCIceServer>,
    /// Those that are reached over a stream, in the order of their stand-ins.
    pub(super) streams: Vec<StreamServer>,
    /// Whether there are relays that are reached over UDP.
    pub(super) has_udp: bool,
}

impl Servers {
    /// Puts a stand-in in place of each server that is reached over TCP or TLS. What is no URL of a server, or is of one that
    /// speaks DTLS, is left out.
    pub(super) fn new(servers: &[IceServer]) -> Self {
        let mut all = Self::default();
        for server in servers {
            let urls: Vec<_> = server.urls.iter().filter_map(|url| all.told_as(url)).collect();
            if !urls.is_empty() {
                all.told.push(RTCIceServer {
                    urls,
                    username: server.username.clone().unwrap_or_default(),
                    credential: server.credential.clone().unwrap_or_default(),
                });
            }
        }
        all
    }

    /// What the server is reached over that was told as this URL.
    pub(super) fn protocol(&self, told: &str) -> RelayProtocol {
        match self.stream_told_as(told) {
            Some(StreamServer { has_tls: true, .. }) => RelayProtocol::Tls,
            Some(StreamServer { has_tls: false, .. }) => RelayProtocol::Tcp,
            None => RelayProtocol::Udp,
        }
    }

    fn stream_told_as(&self, told: &str) -> Option<&StreamServer> {
        let Url { host, port, .. } = Url::parse_url(told).ok()?;
        self.streams.get(index_of(SocketAddr::new(host.parse().ok()?, port))?)
    }

    fn told_as(&mut self, text: &str) -> Option<String> {
        let url = match Url::parse_url(text) {
            Ok(url) => url,
            Err(error) => {
                debug!(%error, "an ICE server is left out");
                return None;
            }
        };
        match (url.scheme, url.proto) {
            (SchemeType::Turn | SchemeType::Turns, ProtoType::Tcp) => {
                if self.streams.len() == MAX_STREAM_SERVERS {
                    return None;
                }
                let has_tls = url.scheme == SchemeType::Turns;
                let index = self.streams.len();
                self.streams.push(StreamServer { host: url.host, port: url.port, has_tls });
                Some(format!("turn:{}?transport=udp", stand_in(index, true)))
            }
            (SchemeType::Turn, ProtoType::Udp) => {
                self.has_udp = true;
                Some(text.to_owned())
            }
            (SchemeType::Stun, _) => Some(text.to_owned()),
            _ => None,
        }
    }
}

/// What stands for the server of this index, in IPv4 or IPv6.
pub(super) fn stand_in(index: usize, v4: bool) -> SocketAddr {
    // There are few of them.
    let port = FIRST_PORT.saturating_add(u16::try_from(index).unwrap_or(u16::MAX));
    if v4 { (STAND_IN_V4, port).into() } else { (STAND_IN_V6, port).into() }
}

/// The index of the server that an address may stand for.
pub(super) fn index_of(address: SocketAddr) -> Option<usize> {
    let is_stand_in = match address {
        SocketAddr::V4(address) => *address.ip() == STAND_IN_V4,
        SocketAddr::V6(address) => *address.ip() == STAND_IN_V6,
    };
    is_stand_in.then(|| address.port().checked_sub(FIRST_PORT).map(usize::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(urls: &[&str]) -> Servers {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Servers::new(&[IceServer {
            urls,
            username: Some("owl".to_owned()),
            credential: Some("hoot".to_owned()),
        }])
    }

    fn told(servers: &Servers) -> Vec<&str> {
        servers.told.iter().flat_map(|server| &server.urls).map(String::as_str).collect()
    }

    #[test]
    fn what_is_reached_over_udp_is_told_as_it_is() {
        let urls = ["stun:192.0.2.7:3478", "turn:turn.example.org", "turn:192.0.2.7:3478?transport=udp"];
        let servers = servers(&urls);
        assert_eq!(told(&servers), urls);
        assert_eq!(servers.streams, []);
        assert!(servers.has_udp);
    }

    #[test]
    fn each_server_behind_a_stream_has_a_stand_in_and_keeps_its_credentials() {
        let servers = servers(&[
            "turn:turn.example.org:80?transport=tcp",
            "turns:turn.example.org",
            "turns:[2001:db8::7]:443?transport=tcp",
        ]);
        let expected = [1, 2, 3].map(|port| format!("turn:192.0.0.8:{port}?transport=udp"));
        assert_eq!(told(&servers), expected);
        let stream = |host: &str, port, has_tls| StreamServer { host: host.to_owned(), port, has_tls };
        let streams = [
            stream("turn.example.org", 80, false),
            stream("turn.example.org", 5349, true),
            stream("2001:db8::7", 443, true),
        ];
        assert_eq!(servers.streams, streams);
        assert!(!servers.has_udp);
        assert_eq!((&*servers.told[0].username, &*servers.told[0].credential), ("owl", "hoot"));
    }

    #[test]
    fn a_server_is_known_by_what_the_agent_was_told() {
        let servers =
            servers(&["turn:192.0.2.7?transport=udp", "turn:192.0.2.7?transport=tcp", "turns:192.0.2.7"]);
        let protocols = [RelayProtocol::Udp, RelayProtocol::Tcp, RelayProtocol::Tls];
        for (told, protocol) in told(&servers).into_iter().zip(protocols) {
            assert_eq!(servers.protocol(told), protocol, "{told}");
            // As the agent writes it.
            let written = Url::parse_url(told).expect("a URL").to_string();
            assert_eq!(servers.protocol(&written), protocol, "{written}");
        }
        assert_eq!(servers.protocol(""), RelayProtocol::Udp);
    }

    #[test]
    fn what_nobody_can_reach_is_left_out() {
        let urls =
            ["", "turn:", "http://192.0.2.7/", "turn:a?transport=sctp", "turns:a?transport=udp", "stuns:a"];
        let servers = servers(&urls);
        assert_eq!(told(&servers), <[&str; 0]>::default());
        assert_eq!(servers.told.len(), 0);
    }

    #[test]
    fn there_are_not_more_streams_than_anybody_needs() {
        let urls: Vec<_> = (1..100).map(|port| format!("turn:192.0.2.7:{port}?transport=tcp")).collect();
        let urls: Vec<_> = urls.iter().map(String::as_str).collect();
        assert_eq!(servers(&urls).streams.len(), MAX_STREAM_SERVERS);
    }

    #[test]
    fn a_stand_in_is_known_by_its_address_alone() {
        for index in 0..MAX_STREAM_SERVERS {
            assert_eq!(index_of(stand_in(index, true)), Some(index));
            assert_eq!(index_of(stand_in(index, false)), Some(index));
        }
        for other in ["192.0.0.8:0", "192.0.0.9:1", "[100::9]:1", "192.0.2.7:3478"] {
            assert_eq!(index_of(other.parse().expect("an address")), None, "{other}");
        }
    }
}
