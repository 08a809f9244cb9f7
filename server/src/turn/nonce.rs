use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;

/// How long a nonce is good for. A client that goes on with a stale one is given the next.
const LIFETIME: Duration = Duration::from_secs(3600);

const TAG_BYTES: usize = 12;

/// Gives nonces and knows them again, without keeping any: a nonce is the second that it was given in, signed together with
/// the address it was given to. Whoever claims to be at many addresses costs no memory.
#[derive(Debug)]
pub(super) struct Nonces {
    key: hmac::Key,
    epoch: Instant,
}

impl Nonces {
    /// `key` has to be random; `epoch` is before anything else that happens.
    pub(super) fn new(key: [u8; 32], epoch: Instant) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), epoch }
    }

    /// 22 characters.
    pub(super) fn give(&self, now: Instant, client: SocketAddr) -> String {
        let second = u32::try_from(now.saturating_duration_since(self.epoch).as_secs()).unwrap_or(u32::MAX);
        let tag = self.tag(second, client);
        let nonce: Vec<u8> = second.to_be_bytes().iter().chain(&tag).copied().collect();
        BASE64_URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Whether the client was given this nonce not too long ago.
    pub(super) fn is_fresh(&self, now: Instant, client: SocketAddr, nonce: &str) -> bool {
        let Ok(nonce) = BASE64_URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let Some((second, tag)) = nonce.split_first_chunk::<4>() else { return false };
        let second = u32::from_be_bytes(*second);
        let age = now.saturating_duration_since(self.epoch).checked_sub(Duration::from_secs(second.into()));
        // That a tag can be forged by trying byte for byte does not matter: it guards no secret, and is good for this client.
        age.is_some_and(|age| age < LIFETIME) && tag == self.tag(second, client)
    }

    fn tag(&self, second: u32, client: SocketAddr) -> [u8; TAG_BYTES] {
        let text = format!("{second} {client}");
        let mut tag = [0; TAG_BYTES];
        tag.iter_mut()
            .zip(hmac::sign(&self.key, text.as_bytes()).as_ref())
            .for_each(|(to, from)| *to = *from);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 7], port))
    }

    #[test]
    fn a_nonce_is_fresh_for_an_hour() {
        let start = Instant::now();
        let nonces = Nonces::new([1; 32], start);
        let given_at = start + Duration::from_secs(5);
        let nonce = nonces.give(given_at, client(1));
        assert_eq!(nonce.len(), 22);
        assert!(nonces.is_fresh(given_at, client(1), &nonce));
        assert!(nonces.is_fresh(given_at + HOUR - Duration::from_millis(1), client(1), &nonce));
        assert!(!nonces.is_fresh(given_at + HOUR, client(1), &nonce));
    }

    #[test]
    fn nobody_else_can_use_or_make_one() {
        let now = Instant::now();
        let nonces = Nonces::new([1; 32], now);
        let nonce = nonces.give(now, client(1));
        assert!(!nonces.is_fresh(now, client(2), &nonce));
        assert!(!Nonces::new([2; 32], now).is_fresh(now, client(1), &nonce));
        for forged in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", "_____wAAAAAAAAAAAAAAAA", "AAAA"] {
            assert!(!nonces.is_fresh(now, client(1), forged), "{forged}");
        }
    }
}
