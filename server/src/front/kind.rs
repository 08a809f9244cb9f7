//! Whether a connection speaks HTTP or STUN. Both may come to one port, so that calls get out of networks that let nothing
//! but HTTPS through.

/// The ALPN name of TURN (RFC 7443 section 3).
pub(crate) const STUN_TURN: &[u8] = b"stun.turn";
pub(crate) const HTTP_1_1: &[u8] = b"http/1.1";
/// Of a challenge, which is over with the handshake (RFC 8737 section 3).
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    /// STUN, and TURN with it.
    Stun,
    /// Was only there for its handshake.
    Challenge,
}

impl Kind {
    /// What both sides agreed on in the TLS handshake.
    pub(crate) fn of_protocol(alpn: &[u8]) -> Option<Self> {
        match alpn {
            HTTP_1_1 => Some(Self::Http),
            STUN_TURN => Some(Self::Stun),
            ACME_TLS => Some(Self::Challenge),
            _ => None,
        }
    }

    /// What speaks like this. The two top bits of a STUN message are zero and its method is below 0x100 in all that there
    /// is, so it begins with 0x00 to 0x03 (RFC 8489 section 5, RFC 7983 section 7); no method of HTTP does. ChannelData
    /// begins like `GET`, but never a connection: it needs an allocation first (RFC 8656 section 12).
    pub(crate) fn of_first_byte(byte: u8) -> Self {
        match byte {
            0x00..=0x03 => Self::Stun,
            _ => Self::Http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stun_message_is_told_from_every_method_of_http() {
        for first in [0x00, 0x01, 0x03] {
            assert_eq!(Kind::of_first_byte(first), Kind::Stun);
        }
        for method in ["GET", "HEAD", "POST", "CONNECT", "OPTIONS", "PRI", "DELETE", "\r\nGET"] {
            assert_eq!(Kind::of_first_byte(method.as_bytes()[0]), Kind::Http, "{method}");
        }
        for first in [0x04, 0x40, 0x4F, 0x80, 0xFF] {
            assert_eq!(Kind::of_first_byte(first), Kind::Http);
        }
    }

    #[test]
    fn a_protocol_that_was_agreed_on_says_it_at_once() {
        assert_eq!(Kind::of_protocol(b"http/1.1"), Some(Kind::Http));
        assert_eq!(Kind::of_protocol(b"stun.turn"), Some(Kind::Stun));
        assert_eq!(Kind::of_protocol(b"acme-tls/1"), Some(Kind::Challenge));
        assert_eq!(Kind::of_protocol(b"h2"), None);
    }
}
