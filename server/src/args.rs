use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use visavis_protocol::{DisplayName, RoomName};

use crate::access::{Identity, Order, Permission};
use crate::config::{ConfigError, LogFormat, RedisUrl, StunUrl};
use crate::health::Question;
use crate::{Config, Origin};

/// The Visavis server: brings people into the same call, and serves the page to call from.
///
/// It needs no configuration on localhost. Anywhere else browsers give camera and microphone to https:// pages only: set
/// [tls] in the file of settings, or put a proxy in front that speaks TLS.
#[derive(Debug, Clone, Parser)]
#[command(name = "visavis-server", version)]
pub struct Args {
    /// A file of settings, in TOML.
    #[arg(long, value_name = "FILE", env = "VISAVIS_CONFIG", global = true)]
    pub config: Option<PathBuf>,

    /// Print the configuration that holds, as a file, and end.
    #[arg(long)]
    pub print_config: bool,

    /// Try everything out: switches on what is off for good reason, such as bringing strangers together.
    #[arg(long, env = "VISAVIS_DEV")]
    pub dev: bool,

    /// What to do instead of serving.
    #[command(subcommand)]
    pub task: Option<Task>,

    #[command(flatten)]
    options: Options,
}

/// What to do instead of serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Task {
    /// Print a token that lets somebody in, signed with a secret of the configuration.
    Token(TokenOptions),
    /// Print fresh keys, for the configuration file.
    GenerateKeys,
    /// Print which ports are used for what and who has to reach them.
    Ports,
    /// Ask the server that runs with this configuration how it is; fails unless it is well.
    Health(HealthOptions),
}

#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct HealthOptions {
    /// Ask whether clients are to be sent to it, not only whether it runs.
    #[arg(long)]
    ready: bool,
}

impl HealthOptions {
    /// What to ask.
    pub fn question(&self) -> Question {
        if self.ready { Question::Ready } else { Question::Alive }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct TokenOptions {
    /// Who it is for: 1 to 128 characters, the same for the same person.
    #[arg(long, value_name = "WHO")]
    identity: Identity,

    /// What others see, whatever the owner types in.
    #[arg(long)]
    name: Option<DisplayName>,

    /// A room that it is for; may be given more than once. Any room, without.
    #[arg(long = "room", value_name = "ROOM")]
    rooms: Vec<RoomName>,

    /// What else the owner may do; may be given more than once, or separated by commas.
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    can: Vec<Permission>,

    /// How long it is good for: a number with s, m, h or d behind it.
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = span)]
    expires: Duration,

    /// Id of the secret to sign with; the first one of the configuration, without.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
}

impl TokenOptions {
    pub fn order(&self) -> Order {
        let Self { identity, name, rooms, can, expires, key } = self.clone();
        Order { identity, name, rooms, can, lifetime: expires, key }
    }
}

/// A span of time in one unit, a century at most.
fn span(text: &str) -> Result<Duration, String> {
    const CENTURY_S: u64 = 100 * 366 * 24 * 3600;
    let wrong = || "a number with s, m, h or d behind it is wanted, such as 90m".to_owned();
    let (digits, unit_s) = [("s", 1), ("m", 60), ("h", 3600), ("d", 24 * 3600)]
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .ok_or_else(wrong)?;
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let seconds = count.checked_mul(unit_s).filter(|seconds| (1..=CENTURY_S).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

/// Settings that stand above those of the file, in its form.
#[derive(Debug, Clone, clap::Args, Serialize)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080].
    ///
    /// May be given more than once; in the environment, separated by commas.
    #[arg(long, value_name = "ADDR:PORT", env = "VISAVIS_LISTEN", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listen: Vec<SocketAddr>,

    /// What to log to stderr: error, warn, info, debug or trace, or a filter such as visavis_server=debug [default: info].
    #[arg(long, value_name = "FILTER", env = "VISAVIS_LOG")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,

    /// How log lines look [default: text].
    #[arg(long, value_name = "FORMAT", env = "VISAVIS_LOG_FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_format: Option<LogFormat>,

    /// Serve the UI from this folder instead of the one built into the program; read once, at the start.
    #[arg(long, value_name = "FOLDER", env = "VISAVIS_UI_DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ui_dir: Option<PathBuf>,

    /// An origin whose pages may connect, besides this server's own, such as https://calls.example.org.
    ///
    /// May be given more than once; in the environment, separated by commas.
    #[arg(
        long = "allowed-origin",
        value_name = "ORIGIN",
        env = "VISAVIS_ALLOWED_ORIGINS",
        value_delimiter = ','
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_origins: Vec<Origin>,

    #[command(flatten)]
    admin: AdminOptions,

    #[command(flatten)]
    rooms: RoomsOptions,

    #[command(flatten)]
    ice: IceOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

#[derive(Debug, Clone, clap::Args, Serialize)]
struct AdminOptions {
    /// Address and port for operators, with /metrics, /stats, /healthz and /readyz; keep clients away from it.
    #[arg(
        id = "admin_listen",
        long = "admin-listen",
        value_name = "ADDR:PORT",
        env = "VISAVIS_ADMIN_LISTEN"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
}

#[derive(Debug, Clone, clap::Args, Serialize)]
struct RoomsOptions {
    /// How many people fit into one room [default: 2].
    #[arg(long = "room-size", value_name = "N", env = "VISAVIS_ROOM_SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, clap::Args, Serialize)]
struct IceOptions {
    /// A STUN server for the clients to find their public address with, such as stun:stun.example.org:3478.
    ///
    /// May be given more than once; in the environment, separated by commas.
    #[arg(long = "ice-server", value_name = "URL", env = "VISAVIS_ICE_SERVERS", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stun: Vec<StunUrl>,
}

#[derive(Debug, Clone, clap::Args)]
struct ClusterOptions {
    /// A Redis that makes several servers one, such as redis://127.0.0.1:6379, or rediss:// for TLS.
    #[arg(long, value_name = "URL", env = "VISAVIS_REDIS", hide_env_values = true)]
    redis: Option<RedisUrl>,
}

impl Serialize for ClusterOptions {
    /// With what is hidden elsewhere: the configuration is read from it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_map(None)?;
        if let Some(redis) = &self.redis {
            table.serialize_entry("redis", redis.reveal())?;
        }
        table.end()
    }
}

impl Args {
    /// The configuration that the file and these options ask for.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut config = Config::load(self.config.as_deref(), &self.options)?;
        config.matching.enabled |= self.dev;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(options: &[&str]) -> Result<Config, clap::Error> {
        let words = std::iter::once("visavis-server").chain(options.iter().copied());
        Args::try_parse_from(words).map(|args| args.load().expect("no file is read"))
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
    fn help_names_every_variable_and_the_defaults() {
        let help = Args::command().render_long_help().to_string();
        for argument in Args::command().get_arguments() {
            if let Some(variable) = argument.get_env() {
                assert!(help.contains(&*variable.to_string_lossy()), "{variable:?}");
            }
        }
        assert_eq!(help.matches("VISAVIS_").count(), 11);
        let Config { listen, log, rooms, .. } = Config::default();
        for default in [listen[0].to_string(), log, "text".to_owned(), rooms.size.to_string()] {
            assert!(help.contains(&format!("[default: {default}]")), "{default}: {help}");
        }
    }

    #[test]
    fn lists_may_be_repeated() {
        let config = parse(&["--ice-server", "stun:a.example", "--ice-server=stuns:b.example:5349"]);
        let urls: Vec<_> = config.expect("both are valid").ice.stun.iter().map(StunUrl::to_string).collect();
        assert_eq!(urls, ["stun:a.example", "stuns:b.example:5349"]);
    }

    #[test]
    fn every_option_arrives() {
        let config = parse(&[
            "--listen=[::1]:1",
            "--listen=127.0.0.1:1",
            "--log=debug",
            "--log-format=json",
            "--ui-dir=/ui",
            "--allowed-origin=https://a.example",
            "--room-size=3",
            "--admin-listen=127.0.0.1:2",
            "--redis=redis://:pass@127.0.0.1:3",
        ])
        .expect("valid");
        assert_eq!(config.listen, ["[::1]:1", "127.0.0.1:1"].map(|text| text.parse().expect("an address")));
        assert_eq!((config.log.as_str(), config.log_format), ("debug", LogFormat::Json));
        assert_eq!(config.ui_dir, Some(PathBuf::from("/ui")));
        assert_eq!(config.allowed_origins, ["https://a.example".parse().expect("an origin")]);
        assert_eq!(config.rooms.size.get(), 3);
        assert_eq!(config.admin.listen.map(|address| address.port()), Some(2));
        assert_eq!(config.cluster.redis, "redis://:pass@127.0.0.1:3".parse().ok());
    }

    #[test]
    fn spans_of_time_are_read_and_none_is_too_long() {
        for (text, seconds) in [("90s", 90), ("2m", 120), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "0s", "-1h", "1.5h", "1w", "90", "36601d", "18446744073709551615d"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dev_switches_strangers_on() {
        assert!(!parse(&[]).expect("valid").matching.enabled);
        assert!(parse(&["--dev"]).expect("valid").matching.enabled);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for options in [
            ["--room-size", "0"],
            ["--listen", "8080"],
            ["--ice-server", "turn:a.example"],
            ["--ice-server", "stun:"],
            ["--allowed-origin", "calls.example.org"],
            ["--log-format", "xml"],
            ["--redis", "127.0.0.1:6379"],
            ["--unknown", "1"],
        ] {
            assert!(parse(&options).is_err(), "{options:?}");
        }
    }
}
