use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Serialize;
use toml::{Table, Value};

use super::Config;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("the configuration {} is not valid", file.display())]
    Invalid { file: PathBuf, source: Box<toml::de::Error> },
    #[error("the options are not valid")]
    Options(#[source] Box<toml::de::Error>),
    #[error("the configuration cannot be written as a file")]
    Unwritable(#[source] Box<toml::ser::Error>),
}

impl Config {
    /// What the file says, if there is one, where `options` say nothing else: tables like those of a file, of which any key
    /// may be missing.
    pub(crate) fn load(file: Option<&Path>, options: &impl Serialize) -> Result<Self, ConfigError> {
        let mut table = file.map_or_else(|| Ok(Table::new()), read)?;
        overlay(&mut table, Table::try_from(options).map_err(unwritable)?);
        table.try_into().map_err(|error| ConfigError::Options(Box::new(error)))
    }

    /// The whole of it, as a file. Fails on a path that is no text.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(unwritable)
    }
}

fn unwritable(error: toml::ser::Error) -> ConfigError {
    ConfigError::Unwritable(Box::new(error))
}

/// A file, whose faults are told with their lines.
fn read(file: &Path) -> Result<Table, ConfigError> {
    let text =
        fs::read_to_string(file).map_err(|source| ConfigError::Read { file: file.to_owned(), source })?;
    let invalid =
        |error: toml::de::Error| ConfigError::Invalid { file: file.to_owned(), source: Box::new(error) };
    toml::from_str::<Config>(&text).map_err(invalid)?;
    toml::from_str(&text).map_err(invalid)
}

/// Lists are replaced, not joined.
fn overlay(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tempfile::NamedTempFile;

    use super::*;

    const SAMPLE: &str = include_str!("../../visavis-server.toml");
    /// What the sample has in place of each secret; nobody's server may run with it.
    const STAND_IN: &str = "replace-this-by-a-secret-of-your-own";

    fn nth(text: &str, part: &str, index: usize) -> usize {
        text.match_indices(part).nth(index).expect("so many").0
    }

    fn file(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(text.as_bytes()).expect("write it");
        file
    }

    fn load(text: &str) -> Result<Config, ConfigError> {
        Config::load(Some(file(text).path()), &Table::new())
    }

    /// Why a file is refused, with all causes.
    fn refusal(text: &str) -> String {
        format!("{:#}", anyhow::Error::from(load(text).expect_err(text)))
    }

    #[test]
    fn the_sample_has_every_key_with_its_default() {
        assert_eq!(load(SAMPLE).expect("the sample is valid"), Config::default());
        // What has no default stands there as a comment, without a space behind its sign.
        let uncommented: String = SAMPLE
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let stand_ins = uncommented.matches(STAND_IN).count();
        let drawn = "0123456789abcdef0123456789abcdef";
        for kept in 0..stand_ins {
            let (head, tail) = uncommented.split_at(nth(&uncommented, STAND_IN, kept));
            let (stand_in, tail) = tail.split_at(STAND_IN.len());
            let [head, tail] = [head, tail].map(|part| part.replace(STAND_IN, drawn));
            refusal(&format!("{head}{stand_in}{tail}"));
        }
        let filled = uncommented.replace(STAND_IN, drawn);
        let all = load(&filled).expect("the comments are valid");
        let sample: Table = toml::from_str(&filled).expect("a table");
        assert_eq!(keys(&sample), keys(&Table::try_from(all).expect("a table")));
    }

    #[test]
    fn one_address_may_stand_without_brackets_and_several_within() {
        for text in ["listen = '[::1]:8080'", "listen = ['0.0.0.0:1', '[::]:1']"] {
            let config = load(text).expect("valid");
            assert_eq!(
                config.to_toml().expect("text").lines().next(),
                Some(text.replace('\'', "\"").as_str())
            );
        }
    }

    fn keys(table: &Table) -> Vec<String> {
        let mut keys: Vec<String> = table
            .iter()
            .flat_map(|(key, value)| match value.as_table() {
                Some(inner) => keys(inner).into_iter().map(|inner| format!("{key}.{inner}")).collect(),
                None => vec![key.clone()],
            })
            .collect();
        keys.sort();
        keys
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let config = load(
            "listen = '[::1]:0'\nui_dir = '/a b'\n[ice]\nstun = ['stun:a.example']\n[timing]\ngrace_s = 0.5\n\
             [turn]\nrealm = 'calls'\nrelay_ports = '5000-5009'\nallow = ['10.0.0.0/8']",
        );
        let config = config.expect("valid");
        assert_eq!(load(&config.to_toml().expect("text")).expect("valid too"), config);
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_is_refused_and_no_other_option_forgotten() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        let ui_dir = Some(PathBuf::from(OsStr::from_bytes(b"/\xff")));
        let config = Config { ui_dir, ..Config::default() };
        assert!(matches!(config.to_toml(), Err(ConfigError::Unwritable(_))));
        assert!(matches!(Config::load(None, &config), Err(ConfigError::Unwritable(_))));
    }

    #[test]
    fn options_stand_above_the_file_and_lists_are_replaced() {
        let below =
            file("listen = '127.0.0.1:1'\nallowed_origins = ['https://a.example']\n[rooms]\nsize = 5");
        let above = toml::from_str::<Table>(
            "listen = '127.0.0.1:2'\nallowed_origins = ['https://b.example']\n[rooms]\n[ice]",
        );
        let config = Config::load(Some(below.path()), &above.expect("a table")).expect("valid");
        assert_eq!(config.listen, ["127.0.0.1:2".parse().expect("an address")]);
        assert_eq!(config.allowed_origins, ["https://b.example".parse().expect("an origin")]);
        assert_eq!(config.rooms.size.get(), 5);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, words) in [
            ("lisen = '127.0.0.1:1'", ["line 1", "unknown field `lisen`"]),
            ("\n[rooms]\nsize = 0", ["line 3", "nonzero"]),
            ("\n[rooms]\nsise = 3", ["line 3", "unknown field `sise`"]),
            ("[ice]\nstun = ['turn:a.example']", ["line 2", "a STUN URL has the form"]),
            ("allowed_origins = ['calls.example']", ["line 1", "an origin has the form"]),
            ("[timing]\nping_s = 0", ["line 2", "no number of seconds"]),
            ("[timing]\nping_s = -1", ["line 2", "no number of seconds"]),
            ("[timing]\nping_s = nan", ["line 2", "no number of seconds"]),
            ("[timing]\nping_s = 1e19", ["line 2", "no number of seconds"]),
            ("[turn]\nrelay_ports = '5-4'", ["line 2", "ports have the form"]),
            ("[[ice.turn]]\nurls = ['turn:a.example']", ["line 1", "either secret, or"]),
            ("listen", ["line 1", "key"]),
            ("listen = []", ["line 1", "no address"]),
            ("listen = 8080", ["line 1", "ADDRESS:PORT"]),
            ("listen = ['[::1]:1', 'localhost:1']", ["line 1", "\"localhost:1\""]),
        ] {
            let refusal = refusal(text);
            assert!(words.iter().all(|word| refusal.contains(word)), "{text}: {refusal}");
        }
        let missing = Config::load(Some(Path::new("/none/such.toml")), &Table::new()).expect_err("no file");
        assert!(missing.to_string().contains("/none/such.toml"));
    }
}
