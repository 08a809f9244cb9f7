use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 addresses that nobody on the internet has (the special-purpose registry of RFC 6890), and those at which clouds
/// answer their machines alone.
const FORBIDDEN_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10), // behind a carrier's NAT (RFC 6598)
    v4([127, 0, 0, 0], 8),
    v4([168, 63, 129, 16], 32), // Azure's machines ask it about themselves
    v4([169, 254, 0, 0], 16),   // link-local, 169.254.169.254 among it
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24), // relays of 6to4
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4), // broadcast among it
];

/// The only IPv6 addresses that are routed (RFC 4291 section 2.4): loopback, link-local, unique-local, multicast and whatever
/// is assigned in future lie outside.
const ROUTED_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What nobody has within that.
const FORBIDDEN_V6: [Ipv6Net; 3] = [
    v6([0x2001, 0x0002, 0, 0, 0, 0, 0, 0], 48), // benchmarks (RFC 5180)
    v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32), // documentation (RFC 3849)
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),      // documentation (RFC 9637)
];

const NAT64: Ipv6Net = v6([0x0064, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32);
const MAPPED: Ipv6Net = v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96);
const TRANSLATED: Ipv6Net = v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96);
const COMPATIBLE: Ipv6Net = v6([0, 0, 0, 0, 0, 0, 0, 0], 96);

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// Whether a client may have this server send to `peer`: an address of the internet that is none of the server's `own`, or one
/// that the operator allows. Otherwise a relay would be a way into the network that it stands in.
pub(super) fn may_be_reached(peer: IpAddr, own: &[IpAddr], allowed: &[IpNet]) -> bool {
    let is_in = |address: IpAddr| allowed.iter().any(|net| net.contains(&address));
    is_in(peer)
        || !own.contains(&peer)
            && match peer {
                IpAddr::V4(address) => !FORBIDDEN_V4.iter().any(|net| net.contains(&address)),
                IpAddr::V6(address) => match embedded(address) {
                    Some(within) => {
                        within.iter().all(|within| may_be_reached((*within).into(), own, allowed))
                    }
                    None => {
                        ROUTED_V6.contains(&address) && !FORBIDDEN_V6.iter().any(|net| net.contains(&address))
                    }
                },
            }
}

/// The IPv4 addresses that packets to this one end up at, or pass on their way.
fn embedded(address: Ipv6Addr) -> Option<[Ipv4Addr; 2]> {
    let bits = address.to_bits();
    let at = |shift: u32| Ipv4Addr::from_bits(((bits >> shift) & u128::from(u32::MAX)) as u32);
    if SIX_TO_FOUR.contains(&address) {
        // RFC 3056 section 2.
        Some([at(80); 2])
    } else if TEREDO.contains(&address) {
        // The server, and the client with all bits inverted (RFC 4380 section 4).
        Some([at(64), Ipv4Addr::from_bits(!at(0).to_bits())])
    } else if [NAT64, MAPPED, TRANSLATED, COMPATIBLE].iter().any(|net| net.contains(&address)) {
        Some([at(0); 2])
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn is_reached(text: &str) -> bool {
        may_be_reached(ip(text), &[ip("198.41.0.4"), ip("2001:500:2::c")], &[])
    }

    #[test]
    fn the_internet_is_reached() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_reached(address), "{address}");
        }
    }

    #[test]
    fn nothing_else_is_in_any_spelling() {
        for forbidden in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "198.41.0.4",
        ] {
            let IpAddr::V4(v4) = ip(forbidden) else { panic!("{forbidden} is no IPv4 address") };
            let [a, b, c, d] = v4.octets().map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            for spelling in [
                v4.to_string(),
                format!("::ffff:{v4}"),
                format!("::{v4}"),
                format!("::ffff:0:{v4}"),
                format!("64:ff9b::{v4}"),
                format!("2002:{high:x}:{low:x}::1"),
                format!("2001:0:{high:x}:{low:x}::fefe:fefe"),
                format!("2001:0:101:101::{:x}:{:x}", !high, !low),
            ] {
                assert!(!is_reached(&spelling), "{spelling}");
            }
        }
    }

    #[test]
    fn no_ipv6_address_that_is_not_routed_is_reached() {
        for address in [
            "::",
            "::1",
            "64:ff9b:1::1",
            "100::1",
            "2001:2::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "2001:500:2::c",
        ] {
            assert!(!is_reached(address), "{address}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_reached() {
        let allowed =
            ["10.1.0.0/16", "fd00:1::/32", "127.0.0.1/32"].map(|net| net.parse().expect("a network"));
        let own = [ip("127.0.0.1")];
        for (address, reached) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("64:ff9b::10.1.2.3", true),
            ("fd00:1::5", true),
            ("fd00:2::5", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
        ] {
            assert_eq!(may_be_reached(ip(address), &own, &allowed), reached, "{address}");
        }
    }
}
