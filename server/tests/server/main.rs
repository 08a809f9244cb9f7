//! The server from outside: real WebSockets and HTTP requests over the loopback interface.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test fails on whatever it did not expect")]

mod access;
mod admin;
mod bad_input;
mod cluster;
mod forwarding;
mod http;
mod joining;
mod keep_alive;
mod limits;
mod matching;
mod moderation;
mod origins;
mod paths;
mod program;
mod resumption;
mod returning;
mod shutdown;
mod slow_client;
mod sockets;
mod support;
mod tls;
#[cfg(all(feature = "otel", unix))]
mod traces;
mod turn;
mod ui;
