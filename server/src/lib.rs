//! The Visavis server: signaling for calls, and the UI for browsers, over one HTTP port.
//!
//! Who meets whom is decided by the pure cores (`rooms`, `sessions` and `conversation`); the rest is their shell. One
//! actor (`hub`) owns all rooms and sessions, one task (`connection`) owns each WebSocket, and bounded queues join them. The server
//! forwards session descriptions and candidates and never looks into them. Media passes through it only where the operator wants
//! that: `turn` relays packets, for clients that `ice` told of it, and cannot read them.

mod admin;
mod args;
mod assets;
mod config;
mod connection;
mod conversation;
mod http;
mod hub;
mod ice;
mod limits;
mod linger;
mod metrics;
mod origin;
mod random;
mod rooms;
mod run;
mod sessions;
mod turn;

pub use args::Args;
pub use config::{
    AdminConfig, Config, ConfigError, IceConfig, LimitsConfig, LogFormat, PortRange, Realm, RoomsConfig,
    Secret, SecretError, StunUrl, StunUrlError, Timing, TurnAccess, TurnConfig, TurnLimits, TurnService,
    TurnUrl,
};
pub use origin::{Origin, OriginError};
pub use run::{Server, ServerError};
pub use turn::{TurnError, TurnStreams};
