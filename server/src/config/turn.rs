//! Relays for media: the server's own, and those of others.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::seconds;
use super::secret::{Password, Secret};

/// The embedded TURN server (RFC 8656).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    pub enabled: bool,
    /// Where it listens, on UDP and TCP; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The addresses that others reach it at, one of a family at most; that of `listen` without any.
    pub public_addresses: Vec<IpAddr>,
    /// The name that clients are told, instead of the public addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// UDP ports that relay.
    pub relay_ports: PortRange,
    /// What credentials are for (RFC 8489 section 9.2).
    pub realm: Realm,
    /// What credentials are made from, and whoever has some could guess a short one from; random at each start without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// How long credentials can begin a relay.
    #[serde(rename = "credential_ttl_s", with = "seconds")]
    pub credential_ttl: Duration,
    /// Networks that relays may reach though they are not of the internet.
    pub allow: Vec<IpNet>,
    pub limits: TurnLimits,
}

/// How much may be relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnLimits {
    /// Allocations of all together, of one user, and of one address.
    pub allocations: u32,
    pub allocations_per_user: u32,
    pub allocations_per_address: u32,
    /// Bytes of an allocation in a second, each way.
    pub bytes_per_s: u32,
    /// How long an allocation lasts that is not refreshed, at most.
    #[serde(rename = "lifetime_s", with = "seconds")]
    pub lifetime: Duration,
    /// How long one lasts whatever is refreshed.
    #[serde(rename = "age_s", with = "seconds")]
    pub age: Duration,
}

/// TURN servers of others: coturn, or a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TurnServiceForm", into = "TurnServiceForm")]
pub struct TurnService {
    pub urls: Vec<TurnUrl>,
    pub access: TurnAccess,
    /// Where it is, in the operator's words.
    pub region: Option<String>,
}

/// What clients show such a server.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnAccess {
    /// Credentials made from the secret that it shares with this server (coturn: `use-auth-secret`).
    Shared { secret: Password },
    /// The same for everybody.
    Fixed { username: String, credential: Password },
}

/// As it stands in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TurnServiceForm {
    urls: Vec<TurnUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Password>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<Password>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
}

/// Why TURN servers of others cannot be told to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnServiceError {
    #[error("a TURN server needs at least one of urls")]
    NoUrls,
    #[error("a TURN server has either secret, or username and credential")]
    NoAccess,
}

impl TryFrom<TurnServiceForm> for TurnService {
    type Error = TurnServiceError;

    fn try_from(form: TurnServiceForm) -> Result<Self, TurnServiceError> {
        let TurnServiceForm { urls, secret, username, credential, region } = form;
        if urls.is_empty() {
            return Err(TurnServiceError::NoUrls);
        }
        let access = match (secret, username, credential) {
            (Some(secret), None, None) => TurnAccess::Shared { secret },
            (None, Some(username), Some(credential)) => TurnAccess::Fixed { username, credential },
            _ => return Err(TurnServiceError::NoAccess),
        };
        Ok(Self { urls, access, region })
    }
}

impl From<TurnService> for TurnServiceForm {
    fn from(TurnService { urls, access, region }: TurnService) -> Self {
        let (secret, username, credential) = match access {
            TurnAccess::Shared { secret } => (Some(secret), None, None),
            TurnAccess::Fixed { username, credential } => (None, Some(username), Some(credential)),
        };
        Self { urls, secret, username, credential, region }
    }
}

/// Where a TURN server is (RFC 7065).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TurnUrl(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a TURN URL has the form turn:HOST:PORT or turns:HOST:PORT, and ?transport=udp or ?transport=tcp behind it"
)]
pub struct TurnUrlError;

impl FromStr for TurnUrl {
    type Err = TurnUrlError;

    fn from_str(text: &str) -> Result<Self, TurnUrlError> {
        let rest = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:")).ok_or(TurnUrlError)?;
        let (host, transport) =
            rest.split_once('?').map_or((rest, None), |(host, query)| (host, Some(query)));
        let is_host = !host.is_empty() && !host.contains(['/', ' ', '@']);
        match transport {
            None | Some("transport=udp" | "transport=tcp") if is_host => Ok(Self(text.to_owned())),
            _ => Err(TurnUrlError),
        }
    }
}

impl TryFrom<String> for TurnUrl {
    type Error = TurnUrlError;

    fn try_from(text: String) -> Result<Self, TurnUrlError> {
        text.parse()
    }
}

impl From<TurnUrl> for String {
    fn from(url: TurnUrl) -> Self {
        url.0
    }
}

impl fmt::Display for TurnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Ports, as `FIRST-LAST`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange(RangeInclusive<u16>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ports have the form FIRST-LAST, such as 49152-65535")]
pub struct PortRangeError;

impl PortRange {
    /// The dynamic ports (RFC 6335 section 6).
    pub const DYNAMIC: Self = Self(49152..=65535);

    pub fn ports(&self) -> RangeInclusive<u16> {
        self.0.clone()
    }
}

impl TryFrom<String> for PortRange {
    type Error = PortRangeError;

    fn try_from(text: String) -> Result<Self, PortRangeError> {
        let (first, last) = text.split_once('-').ok_or(PortRangeError)?;
        let port = |text: &str| text.trim().parse::<u16>().map_err(|_| PortRangeError);
        match (port(first)?, port(last)?) {
            (first, last) if 0 < first && first <= last => Ok(Self(first..=last)),
            _ => Err(PortRangeError),
        }
    }
}

impl From<PortRange> for String {
    fn from(PortRange(ports): PortRange) -> Self {
        format!("{}-{}", ports.start(), ports.end())
    }
}

/// A realm is short, since it goes to everybody who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Realm(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a realm has 1 to 32 printable characters of ASCII, and no quotation marks")]
pub struct RealmError;

impl Realm {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Realm {
    type Error = RealmError;

    fn try_from(text: String) -> Result<Self, RealmError> {
        let is_valid = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if is_valid { Ok(Self(text)) } else { Err(RealmError) }
    }
}

impl From<Realm> for String {
    fn from(realm: Realm) -> Self {
        realm.0
    }
}

impl TurnLimits {
    pub(crate) const DEFAULT: Self = Self {
        allocations: 4000,
        allocations_per_user: 64,
        allocations_per_address: 256,
        bytes_per_s: 1_250_000,
        lifetime: Duration::from_secs(3600),
        age: Duration::from_secs(86_400),
    };
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 3478)),
            public_addresses: Vec::new(),
            host: None,
            relay_ports: PortRange::DYNAMIC,
            realm: Realm("visavis".to_owned()),
            secret: None,
            credential_ttl: Duration::from_secs(86_400),
            allow: Vec::new(),
            limits: TurnLimits::DEFAULT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(text: &str) -> Result<TurnService, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_of_others_has_one_kind_of_access() {
        let shared =
            service("urls = ['turn:a.example', 'turns:a.example:443?transport=tcp']\nsecret = 'north'");
        assert!(matches!(shared.expect("valid").access, TurnAccess::Shared { .. }));
        let fixed = service("urls = ['turn:a.example']\nusername = 'u'\ncredential = 'c'\nregion = 'eu'");
        let fixed = fixed.expect("valid");
        assert!(!format!("{fixed:?}").contains("\"c\""), "{fixed:?}");
        let printed = toml::to_string(&fixed).expect("text");
        assert_eq!(service(&printed.replace("(hidden)", "c")), Ok(fixed), "{printed}");
        for (wrong, words) in [
            ("urls = []\nsecret = 'north'", "at least one of urls"),
            ("urls = ['turn:a.example']", "either secret, or"),
            ("urls = ['turn:a.example']\nusername = 'u'", "either secret, or"),
            (
                "urls = ['turn:a.example']\nsecret = 's'\nusername = 'u'\ncredential = 'c'",
                "either secret, or",
            ),
            ("urls = ['stun:a.example']\nsecret = 's'", "a TURN URL has the form"),
            ("urls = ['turn:a.example?transport=sctp']\nsecret = 's'", "a TURN URL has the form"),
            ("urls = ['turn:a.example']\nsecret = ''", "must not be empty"),
            ("urls = ['turn:a.example']\nsecret = 's'\nregio = 'eu'", "unknown field"),
        ] {
            let refusal = service(wrong).expect_err(wrong);
            assert!(refusal.contains(words), "{wrong}: {refusal}");
        }
    }

    #[test]
    fn ports_are_a_range() {
        let range = PortRange::try_from("40000-40010".to_owned()).expect("valid");
        assert_eq!((range.ports(), String::from(range)), (40000..=40010, "40000-40010".to_owned()));
        for wrong in ["", "40000", "0-10", "5-4", "1-65536", "a-b"] {
            assert_eq!(PortRange::try_from(wrong.to_owned()), Err(PortRangeError), "{wrong}");
        }
    }

    #[test]
    fn a_realm_is_short_and_plain() {
        assert!(Realm::try_from("calls.example".to_owned()).is_ok());
        for wrong in ["", "a\"b", "a b", &"x".repeat(33)] {
            assert_eq!(Realm::try_from(wrong.to_owned()), Err(RealmError), "{wrong}");
        }
    }
}
