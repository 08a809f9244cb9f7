//! Who may connect to the frame socket: the app's own page, which knows the token. Any program and any web site can
//! reach a loopback port.

use subtle::ConstantTimeEq as _;
use tokio_tungstenite::tungstenite::handshake::server::Request;
use tokio_tungstenite::tungstenite::http::header::ORIGIN;

use crate::page;

/// What the page proves itself with: 256 random bits in hexadecimal.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn random() -> Self {
        Self(rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request comes from the app's page and carries the token in its query.
    pub(super) fn admits(&self, request: &Request) -> bool {
        let mut origins = request.headers().get_all(ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
        let query = request.uri().query().unwrap_or_default();
        let token = query.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
        origin.to_str().is_ok_and(page::is_own) && bool::from(token.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, origins: &[&str]) -> Request {
        let mut request = Request::new(());
        *request.uri_mut() = uri.parse().expect("a URI");
        for origin in origins {
            request.headers_mut().append(ORIGIN, origin.parse().expect("an origin"));
        }
        request
    }

    #[test]
    fn only_the_page_with_the_token_is_admitted() {
        let token = Token::random();
        let right = format!("/?token={}", token.as_str());
        assert!(token.admits(&request(&right, &["tauri://localhost"])));
        assert!(
            token.admits(&request(&format!("/?a=b&token={}", token.as_str()), &["http://tauri.localhost"]))
        );

        for uri in ["/", "/?token=", "/?token=00", &format!("{right}0"), &right[..right.len() - 1]] {
            assert!(!token.admits(&request(uri, &["tauri://localhost"])), "{uri}");
        }
        for origins in [&[][..], &["null"], &["http://localhost"], &["tauri://localhost.evil"]] {
            assert!(!token.admits(&request(&right, origins)), "{origins:?}");
        }
        assert!(!token.admits(&request(&right, &["tauri://localhost", "https://evil.example"])));
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let (one, other) = (Token::random(), Token::random());
        assert_eq!(one.as_str().len(), 64);
        assert_ne!(one.as_str(), other.as_str());
    }
}
