use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use redis::IntoConnectionInfo as _;
use serde::{Deserialize, Serialize, Serializer};

use super::seconds;
use super::secret::HIDDEN;

/// What several servers that are to be one have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// Where they meet; without it this server is alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisUrl>,
    /// What all keys there begin with, the same for all of them.
    pub prefix: String,
    /// After so long without a sign of life a server is taken for dead.
    #[serde(rename = "lease_s", with = "seconds")]
    pub lease: Duration,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self { redis: None, prefix: "visavis:".to_owned(), lease: Duration::from_secs(10) }
    }
}

/// A Redis. It may hold a password, which is written nowhere: not by `Debug`, and not by `--print-config`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RedisUrl(String);

/// Why a text is not the URL of a Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    #[error("a Redis has the form redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss:// with TLS")]
    Form,
    #[error("no Redis, but what stands for one where a configuration is printed: put the URL back")]
    Hidden,
}

impl RedisUrl {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        if text.contains(HIDDEN) {
            return Err(RedisUrlError::Hidden);
        }
        let is_one = ["redis://", "rediss://", "unix://"].iter().any(|form| text.starts_with(form))
            && text.into_connection_info().is_ok();
        if is_one { Ok(Self(text.to_owned())) } else { Err(RedisUrlError::Form) }
    }
}

impl TryFrom<String> for RedisUrl {
    type Error = RedisUrlError;

    fn try_from(text: String) -> Result<Self, RedisUrlError> {
        text.parse()
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scheme = self.0.split_once("://").map_or("redis", |(scheme, _)| scheme);
        serializer.serialize_str(&format!("{scheme}://{HIDDEN}"))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisUrl(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_redis_are_told_from_others() {
        for valid in
            ["redis://127.0.0.1", "redis://:pass@h:6380/2", "rediss://u:p@h", "unix:///run/redis.sock"]
        {
            assert!(valid.parse::<RedisUrl>().is_ok(), "{valid}");
        }
        for invalid in ["", "127.0.0.1:6379", "http://h", "redis://", "redis://h:port"] {
            assert_eq!(invalid.parse::<RedisUrl>(), Err(RedisUrlError::Form), "{invalid}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let config = ClusterConfig { redis: "rediss://u:s3cret@h".parse().ok(), ..Default::default() };
        assert!(config.redis.is_some());
        assert!(!format!("{config:?}").contains("s3cret"));
        let printed = toml::to_string(&config).expect("it can be written");
        assert!(printed.contains("rediss://(hidden)") && !printed.contains("s3cret"), "{printed}");
        assert_eq!("rediss://(hidden)".parse::<RedisUrl>(), Err(RedisUrlError::Hidden));
    }
}
