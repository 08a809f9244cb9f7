//! The Visavis server: signaling for calls, and the UI for browsers, over one HTTP port.
//!
//! Who meets whom is decided by the pure cores (`rooms`, `sessions` and `conversation`); the rest is their shell. One
//! actor (`hub`) owns all rooms and sessions, one task (`connection`) owns each WebSocket, and bounded queues join them. The server
//! forwards session descriptions and candidates and never looks into them. Media passes through it only where the operator wants
//! that: `turn` relays packets, for clients that `ice` told of it, and cannot read them.

mod access;
mod admin;
mod args;
mod assets;
mod cluster;
mod config;
mod connection;
mod conversation;
mod front;
mod health;
mod http;
mod hub;
mod ice;
mod limits;
mod matchmaking;
mod metrics;
mod moderation;
mod notify;
mod origin;
mod ports;
mod random;
mod rooms;
mod run;
mod sessions;
mod telemetry;
mod tls;
mod turn;

#[doc(hidden)]
pub use access::fuzz_token;
pub use access::{AccessError, Identity, IdentityError, Order, Permission, TokenError, generate_keys, issue};
pub use args::{Args, HealthOptions, Task, TokenOptions};
#[doc(hidden)]
pub use cluster::{Load, MeasureError, measure_pairing};
pub use config::{
    AccessConfig, AcmeConfig, AdminConfig, AdminToken, AdminTokenError, CertificateSource, ClusterConfig,
    Config, ConfigError, DatabaseUrl, DatabaseUrlError, IceConfig, JwksUrl, JwksUrlError, KeyAlgorithm,
    LimitsConfig, LogFormat, MatchRelay, MatchingConfig, ModerationConfig, ModeratorConfig, Password,
    PasswordError, PortRange, PublicKeyConfig, Realm, RedisUrl, RedisUrlError, RoomsConfig, Secret,
    SecretConfig, SecretError, SecretSource, StunUrl, StunUrlError, Timing, TlsConfig, TlsConfigError,
    TurnAccess, TurnConfig, TurnLimits, TurnService, TurnUrl,
};
#[doc(hidden)]
pub use connection::fuzz_socket;
pub use health::{HealthError, Question, check_health};
#[doc(hidden)]
pub use http::fuzz_request;
#[doc(hidden)]
pub use hub::fuzz_nodes;
#[doc(hidden)]
pub use matchmaking::Crowd;
pub use moderation::OpenError;
#[doc(hidden)]
pub use moderation::fuzz_moderation;
pub use notify::{Notice, Supervisor};
pub use origin::{Origin, OriginError};
pub use ports::Ports;
pub use run::{Server, ServerError};
pub use telemetry::{Telemetry, TelemetryError};
pub use tls::{PairError, TlsError};
pub use turn::TurnError;
#[doc(hidden)]
pub use turn::{fuzz_turn, fuzz_turn_stream};
