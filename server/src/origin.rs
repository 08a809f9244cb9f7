//! Which web pages may open a WebSocket here.
//!
//! A browser lets any page connect to any server and only tells the server whose page it is (RFC 6455 section 10.2).
//! Programs other than browsers send no origin, or any they like: this keeps foreign pages out, nobody else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Pages of the desktop app, by platform.
const DESKTOP_APP: [&str; 3] = ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"];

/// An origin as browsers write it (RFC 6454 section 6.2): scheme, host, and a port unless it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    scheme: String,
    /// Host, with the port unless it is the scheme's own.
    authority: String,
}

/// Why a text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin has the form https://HOST or https://HOST:PORT")]
pub struct OriginError;

impl Origin {
    fn is_desktop_app(&self) -> bool {
        DESKTOP_APP.iter().any(|app| app.parse() == Ok(self.clone()))
    }

    /// Whether the page came from the host that the request was sent to.
    fn is_of_host(&self, host: &str) -> bool {
        matches!(self.scheme.as_str(), "http" | "https")
            && without_default_port(&self.scheme, host).eq_ignore_ascii_case(&self.authority)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = text.split_once("://").ok_or(OriginError)?;
        let scheme_ok =
            !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let authority_ok = !authority.is_empty()
            && authority.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '?' | '#' | '@' | '\\'));
        if !scheme_ok || !authority_ok {
            return Err(OriginError);
        }
        let scheme = scheme.to_ascii_lowercase();
        let authority = without_default_port(&scheme, authority).to_ascii_lowercase();
        Ok(Self { scheme, authority })
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Whether a WebSocket request with these header values may go on.
pub(crate) fn is_allowed(origin: Option<&str>, host: Option<&str>, allowed: &[Origin]) -> bool {
    let Some(origin) = origin else { return true };
    let Ok(origin) = origin.parse::<Origin>() else { return false };
    allowed.contains(&origin) || origin.is_desktop_app() || host.is_some_and(|host| origin.is_of_host(host))
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let suffix = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return authority,
    };
    authority.strip_suffix(suffix).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: &str, host: &str) -> bool {
        is_allowed(Some(origin), Some(host), &["https://other.example".parse().expect("an origin")])
    }

    #[test]
    fn own_pages_pass() {
        assert!(check("http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(check("https://calls.example", "calls.example"));
        assert!(check("https://calls.example", "Calls.Example:443"));
        assert!(check("http://[::1]:8080", "[::1]:8080"));
    }

    #[test]
    fn programs_the_desktop_app_and_listed_origins_pass() {
        assert!(is_allowed(None, Some("calls.example"), &[]));
        assert!(check("tauri://localhost", "calls.example"));
        assert!(check("http://tauri.localhost", "calls.example"));
        assert!(check("https://OTHER.example:443", "calls.example"));
    }

    #[test]
    fn foreign_pages_do_not() {
        for origin in [
            "https://evil.example",
            "http://other.example",
            "https://calls.example:8443",
            "https://calls.example.evil.example",
            "https://evil.example/calls.example",
            "https://evil@calls.example",
            "tauri://localhost.evil.example",
            "file://",
            "null",
            "",
        ] {
            assert!(!check(origin, "calls.example"), "{origin}");
        }
        assert!(!is_allowed(Some("https://calls.example"), None, &[]));
    }
}
