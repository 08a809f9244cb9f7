use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use visavis_protocol::IceServer;

use crate::{Config, Origin, UiSource};

/// The Visavis server: brings people into the same call, and serves the page to call from.
///
/// It needs no configuration. Put a TLS proxy in front of it for anything but localhost: browsers give camera and
/// microphone to https:// pages only.
#[derive(Debug, Clone, Parser)]
#[command(name = "visavis-server", version)]
pub struct Args {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", env = "VISAVIS_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// How many people fit into one room.
    #[arg(long, value_name = "N", env = "VISAVIS_ROOM_SIZE", default_value = "2")]
    pub room_size: NonZeroUsize,

    /// A STUN server for the clients to find their public address with, such as stun:stun.example.org:3478.
    ///
    /// May be given more than once; in the environment, separated by commas.
    #[arg(long = "ice-server", value_name = "URL", env = "VISAVIS_ICE_SERVERS", value_delimiter = ',')]
    #[arg(value_parser = stun_url)]
    pub ice_servers: Vec<String>,

    /// An origin whose pages may connect, besides this server's own, such as https://calls.example.org.
    ///
    /// May be given more than once; in the environment, separated by commas.
    #[arg(
        long = "allowed-origin",
        value_name = "ORIGIN",
        env = "VISAVIS_ALLOWED_ORIGINS",
        value_delimiter = ','
    )]
    pub allowed_origins: Vec<Origin>,

    /// Serve the UI from this folder instead of the one built into the program; read once, at the start.
    #[arg(long, value_name = "FOLDER", env = "VISAVIS_UI_DIR")]
    pub ui_dir: Option<PathBuf>,

    /// What to log to stderr: error, warn, info, debug or trace, or a filter such as visavis_server=debug.
    #[arg(long, value_name = "FILTER", env = "VISAVIS_LOG", default_value = "info")]
    pub log: String,
}

impl Args {
    /// The configuration that these options ask for.
    pub fn into_config(self) -> Config {
        Config {
            listen: self.listen,
            room_size: self.room_size,
            ice_servers: self
                .ice_servers
                .into_iter()
                .map(|url| IceServer { urls: vec![url], username: None, credential: None })
                .collect(),
            allowed_origins: self.allowed_origins,
            ui: self.ui_dir.map_or(UiSource::Embedded, UiSource::Folder),
            ..Config::default()
        }
    }
}

/// TURN needs credentials, which a bare URL does not carry: browsers refuse it without.
fn stun_url(url: &str) -> Result<String, &'static str> {
    let host = url.strip_prefix("stun:").or_else(|| url.strip_prefix("stuns:"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', ' ']) => Ok(url.to_owned()),
        _ => Err("a STUN URL has the form stun:HOST, stun:HOST:PORT or stuns:HOST:PORT"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(options: &[&str]) -> Result<Config, clap::Error> {
        let words = std::iter::once("visavis-server").chain(options.iter().copied());
        Args::try_parse_from(words).map(Args::into_config)
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn no_options_give_the_default_configuration() {
        assert_eq!(parse(&[]).expect("no option is needed"), Config::default());
    }

    #[test]
    fn help_names_every_variable() {
        let help = Args::command().render_long_help().to_string();
        for argument in Args::command().get_arguments() {
            if let Some(variable) = argument.get_env() {
                assert!(help.contains(&*variable.to_string_lossy()), "{variable:?}");
            }
        }
        assert_eq!(help.matches("VISAVIS_").count(), 6);
    }

    #[test]
    fn lists_may_be_repeated() {
        let config = parse(&["--ice-server", "stun:a.example", "--ice-server=stuns:b.example:5349"]);
        let urls: Vec<_> =
            config.expect("both are valid").ice_servers.into_iter().flat_map(|s| s.urls).collect();
        assert_eq!(urls, ["stun:a.example", "stuns:b.example:5349"]);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for options in [
            ["--room-size", "0"],
            ["--listen", "8080"],
            ["--ice-server", "turn:a.example"],
            ["--ice-server", "stun:"],
            ["--allowed-origin", "calls.example.org"],
            ["--unknown", "1"],
        ] {
            assert!(parse(&options).is_err(), "{options:?}");
        }
    }
}
