//! The Visavis server: signaling for calls, and the UI for browsers, over one HTTP port.
//!
//! Who meets whom is decided by the pure cores (`rooms`, `sessions` and `conversation`); the rest is their shell. One
//! actor (`hub`) owns all rooms and sessions, one task (`connection`) owns each WebSocket, and bounded queues join them. The server
//! forwards session descriptions and candidates and never looks into them; media does not pass through it.

mod access;
mod admin;
mod args;
mod assets;
mod config;
mod connection;
mod conversation;
mod front;
mod http;
mod hub;
mod limits;
mod matchmaking;
mod metrics;
mod moderation;
mod origin;
mod ports;
mod random;
mod rooms;
mod run;
mod sessions;
mod tls;

#[doc(hidden)]
pub use access::fuzz_token;
pub use access::{AccessError, Identity, IdentityError, Order, Permission, TokenError, generate_keys, issue};
pub use args::{Args, Task, TokenOptions};
pub use config::{
    AccessConfig, AcmeConfig, AdminConfig, AdminToken, AdminTokenError, CertificateSource, Config,
    ConfigError, DatabaseUrl, DatabaseUrlError, IceConfig, JwksUrl, JwksUrlError, KeyAlgorithm, LimitsConfig,
    LogFormat, MatchingConfig, ModerationConfig, ModeratorConfig, PublicKeyConfig, RoomsConfig, Secret,
    SecretConfig, SecretError, SecretSource, StunUrl, StunUrlError, Timing, TlsConfig, TlsConfigError,
};
pub use moderation::OpenError;
pub use origin::{Origin, OriginError};
pub use ports::Ports;
pub use run::{Server, ServerError};
pub use tls::{PairError, TlsError};
