//! The Visavis server: signaling for calls, and the UI for browsers, over one HTTP port.
//!
//! Who meets whom is decided by the pure cores (`rooms`, `sessions` and `conversation`); the rest is their shell. One
//! actor (`hub`) owns all rooms and sessions, one task (`connection`) owns each WebSocket, and bounded queues join them. The server
//! forwards session descriptions and candidates and never looks into them; media does not pass through it.

mod admin;
mod args;
mod assets;
mod config;
mod connection;
mod conversation;
mod http;
mod hub;
mod limits;
mod linger;
mod metrics;
mod moderation;
mod origin;
mod random;
mod rooms;
mod run;
mod sessions;

pub use args::Args;
pub use config::{
    AdminConfig, AdminToken, AdminTokenError, Config, ConfigError, DatabaseUrl, DatabaseUrlError, IceConfig,
    LimitsConfig, LogFormat, ModerationConfig, ModeratorConfig, RoomsConfig, StunUrl, StunUrlError, Timing,
};
pub use moderation::OpenError;
pub use origin::{Origin, OriginError};
pub use run::{Server, ServerError};
