use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Identity;

/// Who is behind a session, as far as the server can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    pub(crate) identity: Identity,
    /// As [`Source`](crate::limits::Source) has it; `None` behind a proxy that does not say.
    pub(crate) address: Option<IpAddr>,
}

/// Whom a ban is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub(crate) enum Subject {
    /// 1 to 128 characters.
    Identity(Identity),
    /// An address such as `192.0.2.7`, or a network such as `192.0.2.0/24`.
    Address(Network),
}

/// A network whose hosts count as one: an IPv4 address or more, an IPv6 /64 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub(crate) struct Network(IpNet);

/// Why a text names nobody who could be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubjectError {
    #[error("an identity has 1 to 128 characters, none of them a control character")]
    Identity,
    #[error("an address has a form such as 192.0.2.7 or 2001:db8::1, a network such as 192.0.2.0/24")]
    Address,
    #[error("a network wider than /8 (IPv4) or /16 (IPv6) is too much of the world")]
    TooWide,
}

const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;
/// What an IPv6 host chooses its addresses from (RFC 4291 section 2.5.4).
const HOST_V6: u8 = 64;

impl Subject {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Identity(_) => "identity",
            Self::Address(_) => "address",
        }
    }

    pub(crate) fn value(&self) -> String {
        match self {
            Self::Identity(identity) => identity.as_str().to_owned(),
            Self::Address(network) => network.0.to_string(),
        }
    }

    /// From its two texts.
    pub(crate) fn of(kind: &str, value: &str) -> Result<Self, SubjectError> {
        match kind {
            "identity" => value.parse().map(Self::Identity).map_err(|_| SubjectError::Identity),
            _ => value.parse().map(Self::Address),
        }
    }
}

impl Network {
    pub(crate) fn net(self) -> IpNet {
        self.0
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(Ipv4Net::from(address).into()),
            IpAddr::V6(address) => Self(Ipv6Net::new_assert(address, HOST_V6).trunc().into()),
        }
    }
}

impl FromStr for Network {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        match text.parse::<IpNet>().map_err(|_| SubjectError::Address)? {
            IpNet::V4(net) if net.prefix_len() < WIDEST_V4 => Err(SubjectError::TooWide),
            IpNet::V6(net) if net.prefix_len() < WIDEST_V6 => Err(SubjectError::TooWide),
            IpNet::V6(net) if net.prefix_len() > HOST_V6 => Ok(Self::from(IpAddr::V6(net.addr()))),
            net @ (IpNet::V4(_) | IpNet::V6(_)) => Ok(Self(net.trunc())),
        }
    }
}

impl TryFrom<String> for Network {
    type Error = SubjectError;

    fn try_from(text: String) -> Result<Self, SubjectError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Result<String, SubjectError> {
        text.parse::<Network>().map(String::from)
    }

    #[test]
    fn an_address_is_all_that_its_host_could_take() {
        assert_eq!(network("192.0.2.7").as_deref(), Ok("192.0.2.7/32"));
        assert_eq!(network("::ffff:192.0.2.7").as_deref(), Ok("192.0.2.7/32"));
        assert_eq!(network("2001:db8:1:2:3::4").as_deref(), Ok("2001:db8:1:2::/64"));
        assert_eq!(network("2001:db8:1:2:3::4/128").as_deref(), Ok("2001:db8:1:2::/64"));
    }

    #[test]
    fn a_network_is_written_in_one_way() {
        assert_eq!(network("192.0.2.77/24").as_deref(), Ok("192.0.2.0/24"));
        assert_eq!(network("2001:DB8::/32").as_deref(), Ok("2001:db8::/32"));
    }

    #[test]
    fn nobody_bans_the_whole_world_by_mistake() {
        for wide in ["0.0.0.0/0", "10.0.0.0/7", "::/0", "2000::/3"] {
            assert_eq!(network(wide), Err(SubjectError::TooWide), "{wide}");
        }
        for none in ["", "192.0.2", "192.0.2.7/33", "owl", "192.0.2.7; DROP TABLE bans"] {
            assert_eq!(network(none), Err(SubjectError::Address), "{none}");
        }
    }

    #[test]
    fn an_identity_is_bounded() {
        for (text, fits) in [("ada", true), ("", false), ("a\0b", false)] {
            assert_eq!(Subject::of("identity", text).is_ok(), fits, "{text:?}");
        }
    }
}
