use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// What counts as one address: an IPv4 address, or the /64 that an IPv6 host chooses its own from (RFC 4291 section 2.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// The address, or the first one of the network.
    pub(crate) fn address(self) -> IpAddr {
        self.0
    }

    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !0 << 64))),
            address @ IpAddr::V4(_) => Self(address),
        }
    }

    /// Who is behind a connection: its other end, or if that is a trusted proxy, the last of those it `forwarded` for
    /// that is none (`X-Forwarded-For`). `None` if the proxy does not say: then its clients cannot be told apart.
    pub(crate) fn behind(peer: IpAddr, forwarded: &str, trusted: &[IpNet]) -> Option<Self> {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(&address.to_canonical()));
        if !is_trusted(&peer) {
            return Some(Self::of(peer));
        }
        // What a client wrote there itself stands in front of what proxies appended; an address that cannot be read
        // ends what can be trusted.
        forwarded
            .rsplit(',')
            .map_while(|text| text.trim().parse::<IpAddr>().ok())
            .find(|address| !is_trusted(address))
            .map(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(peer: &str, forwarded: &str) -> Option<String> {
        let trusted = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"].map(|net| net.parse().expect("a network"));
        let peer = peer.parse().expect("an address");
        Source::behind(peer, forwarded, &trusted).map(|Source(address)| address.to_string())
    }

    #[test]
    fn who_connects_is_who_it_is() {
        assert_eq!(behind("192.0.2.7", "").as_deref(), Some("192.0.2.7"));
        assert_eq!(behind("192.0.2.7", "198.51.100.1").as_deref(), Some("192.0.2.7"), "anybody can say so");
    }

    #[test]
    fn a_trusted_proxy_is_believed() {
        assert_eq!(behind("127.0.0.1", "192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(behind("::ffff:127.0.0.1", "192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(behind("127.0.0.1", "192.0.2.7, 10.1.2.3").as_deref(), Some("192.0.2.7"));
        assert_eq!(behind("127.0.0.1", "1.2.3.4, 192.0.2.7").as_deref(), Some("192.0.2.7"), "the last one");
    }

    #[test]
    fn nobody_is_told_apart_by_what_cannot_be_trusted() {
        assert_eq!(behind("127.0.0.1", ""), None);
        assert_eq!(behind("127.0.0.1", "192.0.2.7, unknown"), None);
        assert_eq!(behind("127.0.0.1", "10.0.0.1"), None);
    }

    #[test]
    fn an_ipv6_host_is_its_network() {
        let of = |text: &str| Source::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
    }
}
