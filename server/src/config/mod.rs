//! Everything that can be set about a server. Read once, at the start: flags before the environment, the environment before
//! the file, the file before the defaults.

mod access;
mod addresses;
mod admin_token;
mod cluster;
mod layers;
mod moderation;
mod seconds;
mod secret;
mod stun_url;
mod tls;
mod turn;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use visavis_protocol::{Door, IceMode};

use crate::Origin;
pub use access::{
    AccessConfig, JwksUrl, JwksUrlError, KeyAlgorithm, PublicKeyConfig, SecretConfig, SecretSource,
};
pub use admin_token::{AdminToken, AdminTokenError};
pub use cluster::{ClusterConfig, RedisUrl, RedisUrlError};
pub use layers::ConfigError;
pub use moderation::{DatabaseUrl, DatabaseUrlError, ModerationConfig};
pub use secret::{Password, PasswordError, Secret, SecretError};
pub use stun_url::{StunUrl, StunUrlError};
pub use tls::{AcmeConfig, CertificateSource, TlsConfig, TlsConfigError};
pub use turn::{PortRange, Realm, TurnAccess, TurnConfig, TurnLimits, TurnService, TurnUrl};

/// The configuration, as it stands in a TOML file: `server/visavis-server.toml` has every key with its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 takes a free one. There is at least one.
    #[serde(with = "addresses")]
    pub listen: Vec<SocketAddr>,
    /// What to log: a level, or a filter of `tracing_subscriber`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What serves the sockets; the relay has a thread of its own.
    pub threads: NonZeroUsize,
    /// A folder with the UI to serve, instead of the one that was built into the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_dir: Option<PathBuf>,
    /// Origins whose pages may connect, besides the server's own.
    pub allowed_origins: Vec<Origin>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub admin: AdminConfig,
    pub access: AccessConfig,
    pub rooms: RoomsConfig,
    pub matching: MatchingConfig,
    pub ice: IceConfig,
    pub turn: TurnConfig,
    pub limits: LimitsConfig,
    pub moderation: ModerationConfig,
    pub tls: TlsConfig,
    pub cluster: ClusterConfig,
    pub timing: Timing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

/// What is for operators only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Where to answer operators; nowhere without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Whether clients are asked how media gets through, for the metrics there.
    pub path_reports: bool,
    /// What the moderator called `operator` shows. Without this or another moderator there is no moderating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<AdminToken>,
    /// Others who moderate.
    pub moderators: Vec<ModeratorConfig>,
}

/// Somebody who moderates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeratorConfig {
    /// As it stands in the audit log.
    pub name: String,
    pub token: AdminToken,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoomsConfig {
    /// How many participants a room holds.
    pub size: NonZeroUsize,
    /// Who may come into a room until its host says otherwise.
    pub door: Door,
}

/// How strangers are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatchingConfig {
    pub enabled: bool,
    /// Until somebody who waits is content with less in common; and again as long until with nothing.
    #[serde(rename = "widen_s", with = "seconds")]
    pub widen: Duration,
    /// For which two who have met do not meet again, if anybody else waits.
    #[serde(rename = "apart_s", with = "seconds::or_none")]
    pub apart: Duration,
    /// Whether strangers are relayed until both want a direct path.
    pub relay: MatchRelay,
}

/// Whether strangers are relayed until both want a direct path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchRelay {
    /// Where there is a relay.
    #[default]
    Auto,
    /// And without a relay nobody is brought together.
    Always,
    Never,
}

/// What clients find each other with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IceConfig {
    /// STUN servers, announced to every client in its `welcome`.
    pub stun: Vec<StunUrl>,
    /// Which paths clients may take.
    pub mode: IceMode,
    /// TURN servers of others.
    pub turn: Vec<TurnService>,
}

/// How much one client may take. A WebSocket is a *connection*; a *socket* is what carries it, or other requests, over TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Connections of one address at a time.
    pub connections_per_address: u32,
    /// Connections of one identity at a time.
    pub connections_per_identity: u32,
    /// New connections of one address, or of one identity, in a second and at once.
    pub openings_per_s: NonZeroU32,
    pub openings_burst: u32,
    /// Sockets of one address at a time, and new ones in a second and at once.
    pub sockets_per_address: u32,
    pub socket_openings_per_s: NonZeroU32,
    pub socket_openings_burst: u32,
    /// Sockets of all addresses that have not said anything yet, or are in their TLS handshake.
    pub half_open_sockets: usize,
    /// Messages of one connection, in a second and at once.
    pub messages_per_s: NonZeroU32,
    pub messages_burst: u32,
    /// Bytes of one connection, in a second and at once.
    pub bytes_per_s: NonZeroU32,
    pub bytes_burst: u32,
}

/// How long the server waits for its clients. The values that clients may rely on stand in `docs/protocol.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// From the opening of a socket to the first byte that is no TLS handshake, and for the whole head of each HTTP request.
    #[serde(rename = "head_s", with = "seconds")]
    pub head: Duration,
    /// From the opening of a connection to its `hello`.
    #[serde(rename = "hello_s", with = "seconds")]
    pub hello: Duration,
    /// Between two WebSocket pings.
    #[serde(rename = "ping_s", with = "seconds")]
    pub ping: Duration,
    /// A connection on which nothing was heard, or could be written, for so long is dead; and so is an HTTP request whose answer
    /// is not taken.
    #[serde(rename = "silence_s", with = "seconds")]
    pub silence: Duration,
    /// How long a participant whose connection broke keeps its place in the room.
    #[serde(rename = "grace_s", with = "seconds")]
    pub grace: Duration,
    /// How long calls may go on once the server is told to end; not at all, if it is zero.
    #[serde(rename = "drain_s", with = "seconds::or_none")]
    pub drain: Duration,
    /// For a client to take the last words and close, when the server ends its connection.
    #[serde(rename = "farewell_s", with = "seconds")]
    pub farewell: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            threads: NonZeroUsize::MIN,
            ui_dir: None,
            allowed_origins: Vec::new(),
            trusted_proxies: vec![
                Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
                Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
            ],
            admin: AdminConfig::default(),
            access: AccessConfig::default(),
            rooms: RoomsConfig::default(),
            matching: MatchingConfig::default(),
            ice: IceConfig::default(),
            turn: TurnConfig::default(),
            limits: LimitsConfig::default(),
            moderation: ModerationConfig::default(),
            tls: TlsConfig::default(),
            cluster: ClusterConfig::default(),
            timing: Timing::default(),
        }
    }
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: None, path_reports: true, token: None, moderators: Vec::new() }
    }
}

impl AdminConfig {
    /// Nobody is asked what nobody can look at.
    pub(crate) fn asks_for_paths(&self) -> bool {
        self.listen.is_some() && self.path_reports
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections_per_address: 250,
            connections_per_identity: 20,
            openings_per_s: const { NonZeroU32::new(20).expect("it is not zero") },
            openings_burst: 100,
            sockets_per_address: 1000,
            socket_openings_per_s: const { NonZeroU32::new(50).expect("it is not zero") },
            socket_openings_burst: 1000,
            half_open_sockets: 4096,
            messages_per_s: const { NonZeroU32::new(50).expect("it is not zero") },
            messages_burst: 300,
            bytes_per_s: const { NonZeroU32::new(256 * 1024).expect("it is not zero") },
            bytes_burst: 256 * 1024,
        }
    }
}

impl Default for RoomsConfig {
    fn default() -> Self {
        Self { size: const { NonZeroUsize::new(2).expect("two is not zero") }, door: Door::Open }
    }
}

impl Default for MatchingConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            widen: Duration::from_secs(10),
            apart: Duration::from_secs(5 * 60),
            relay: MatchRelay::Auto,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            hello: Duration::from_secs(10),
            ping: Duration::from_secs(15),
            silence: Duration::from_secs(45),
            grace: Duration::from_secs(30),
            drain: Duration::ZERO,
            farewell: Duration::from_secs(2),
        }
    }
}
