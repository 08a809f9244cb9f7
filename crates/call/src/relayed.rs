//! What may be said of the own addresses, and is taken of the other's, where media is relayed: nothing but relays.
//!
//! The own WebRTC library gathers no other candidates then. This holds whatever it does, and keeps it from going after an
//! address that the other side gives to see where the checks come from.

/// A candidate attribute (RFC 8839 section 5.1) of a relay over UDP, without the address that the relay sees; `None` for any
/// other: libraries open a connection of their own to one of TCP, whatever its type.
pub(crate) fn candidate(text: &str) -> Option<String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let &[_, _, transport, _, address, _, "typ", "relay", ..] = words.as_slice() else { return None };
    if !transport.eq_ignore_ascii_case("udp") {
        return None;
    }
    // The values of RFC 8839 for an address that is not told.
    let hidden = if address.contains(':') { "::" } else { "0.0.0.0" };
    for extension in words.get_mut(8..).unwrap_or_default().chunks_exact_mut(2) {
        match extension {
            ["raddr", address] => *address = hidden,
            ["rport", port] => *port = "9",
            _ => {}
        }
    }
    Some(words.join(" "))
}

/// A description with no other candidates than these.
pub(crate) fn description(sdp: &str) -> String {
    sdp.split_inclusive('\n').filter_map(line).collect()
}

fn line(line: &str) -> Option<String> {
    // A carriage return within it may end a line to one who reads it.
    if !line.split('\r').any(|part| part.starts_with("a=candidate:")) {
        return Some(line.to_owned());
    }
    let text = candidate(line.trim_end().strip_prefix("a=")?)?;
    Some(format!("a={text}\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str =
        "candidate:1 1 udp 16777215 192.0.2.1 50000 typ relay raddr 198.51.100.7 rport 40000 generation 0";
    const HOST: &str = "candidate:1 1 udp 2122260223 198.51.100.7 40000 typ host";

    #[test]
    fn a_relay_does_not_say_where_it_is_used_from() {
        let text = candidate(RELAY).expect("a relay");
        let expected =
            "candidate:1 1 udp 16777215 192.0.2.1 50000 typ relay raddr 0.0.0.0 rport 9 generation 0";
        assert_eq!(text, expected);
        let six = candidate("candidate:1 1 UDP 1 2001:db8::1 5 typ relay rport 7 raddr 2001:db8::7");
        assert_eq!(six.expect("a relay"), "candidate:1 1 UDP 1 2001:db8::1 5 typ relay rport 9 raddr ::");
    }

    #[test]
    fn anything_else_is_kept_back() {
        for text in [
            HOST,
            "candidate:1 1 udp 1 203.0.113.9 6 typ srflx raddr 198.51.100.7 rport 40000",
            "candidate:1 1 udp 1 4d1c8f2e.local 6 typ host",
            // Engines call there from a socket of their own.
            "candidate:1 1 tcp 1 192.0.2.1 9 typ relay raddr 0.0.0.0 rport 0 tcptype passive",
            "candidate:1 1 udp 1 198.51.100.7 6 typ host typ relay",
            "candidate:1 1 udp 1 198.51.100.7 6 relay",
            "typ relay",
            "",
        ] {
            assert_eq!(candidate(text), None, "{text}");
        }
    }

    #[test]
    fn a_description_keeps_all_but_the_other_candidates() {
        let sdp = format!("v=0\r\na={HOST}\r\na={RELAY}\r\na=x\ra={HOST}\r\na={HOST}\na=ice-ufrag:u\r\n");
        let expected = candidate(RELAY).expect("a relay");
        assert_eq!(description(&sdp), format!("v=0\r\na={expected}\r\na=ice-ufrag:u\r\n"));
        let untouched = "v=0\r\no=- 2 1 IN IP4 127.0.0.1\na=end-of-candidates\r\n\r\n";
        assert_eq!(description(untouched), untouched);
    }
}
