use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::secret::HIDDEN;

/// What is kept of reports, blocks and bans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModerationConfig {
    /// Where it is kept; nothing is, and reports are refused, without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseUrl>,
    /// What somebody who is banned is told to do about it.
    pub appeal: String,
    /// How long resolved reports and lines of the audit log are kept.
    pub keep_days: NonZeroU32,
    /// Open reports; more are refused until some are resolved.
    pub open_reports: NonZeroU32,
}

impl Default for ModerationConfig {
    fn default() -> Self {
        Self {
            database: None,
            appeal: String::new(),
            keep_days: const { NonZeroU32::new(90).expect("it is not zero") },
            open_reports: const { NonZeroU32::new(10_000).expect("it is not zero") },
        }
    }
}

/// A database of SQLite or PostgreSQL. It may hold a password, which is written nowhere: not by `Debug`, and not by
/// `--print-config`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DatabaseUrl(String);

/// Why a text is not the URL of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    #[error("a database has the form sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME")]
    Form,
    #[error("no database, but what stands for one where a configuration is printed: put the URL back")]
    Hidden,
}

impl DatabaseUrl {
    /// A file is known to who prints it; of a server no part is told from the password.
    fn printed(&self) -> String {
        match self.0.split_once("://") {
            Some((scheme, _)) if scheme != "sqlite" => format!("{scheme}://{HIDDEN}"),
            Some(_) | None => self.0.clone(),
        }
    }

    /// The URL with what is not its author's matter: a file of SQLite that is not there is made.
    pub(crate) fn complete(&self) -> String {
        let url = &self.0;
        match url.strip_prefix("sqlite:").map(|file| file.split_once('?')) {
            None => url.clone(),
            Some(None) => format!("{url}?mode=rwc"),
            Some(Some((_, options))) if options.contains("mode=") => url.clone(),
            Some(Some(_)) => format!("{url}&mode=rwc"),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        let place =
            ["sqlite:", "postgres://", "postgresql://"].iter().find_map(|form| text.strip_prefix(form));
        match place {
            Some(_) if text.contains(HIDDEN) => Err(DatabaseUrlError::Hidden),
            Some(place) if !place.is_empty() && !place.starts_with('?') => Ok(Self(text.to_owned())),
            Some(_) | None => Err(DatabaseUrlError::Form),
        }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = DatabaseUrlError;

    fn try_from(text: String) -> Result<Self, DatabaseUrlError> {
        text.parse()
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.printed())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
        text.parse()
    }

    #[test]
    fn files_and_servers_are_databases() {
        for valid in ["sqlite:visavis.db", "sqlite:///var/lib/visavis/visavis.db", "postgres://a:b@c/d"] {
            assert!(url(valid).is_ok(), "{valid}");
        }
        for invalid in ["", "sqlite:", "visavis.db", "mysql://a/b", "postgres://", "sqlite:?mode=ro"] {
            assert!(url(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn a_missing_file_is_made_unless_the_url_says_how_to_open_it() {
        let complete = |text: &str| url(text).expect("a URL").complete();
        assert_eq!(complete("sqlite:a.db"), "sqlite:a.db?mode=rwc");
        assert_eq!(complete("sqlite:a.db?cache=shared"), "sqlite:a.db?cache=shared&mode=rwc");
        assert_eq!(complete("sqlite:a.db?mode=rw"), "sqlite:a.db?mode=rw");
        assert_eq!(complete("postgres://a/b"), "postgres://a/b");
    }

    #[test]
    fn a_password_is_not_shown() {
        let config = |text: &str| ModerationConfig { database: url(text).ok(), ..Default::default() };
        let printed = |text: &str| toml::to_string(&config(text)).expect("it can be written");
        for secret in ["postgres://a:s3cret@c/d", "postgresql://c/d?user=a&password=s3cret"] {
            assert!(!format!("{:?}", config(secret)).contains("s3cret"));
            assert!(!printed(secret).contains("s3cret"), "{secret}");
        }
        assert!(printed("sqlite:///var/visavis.db").contains("sqlite:///var/visavis.db"));
        assert_eq!(url("postgres://(hidden)"), Err(DatabaseUrlError::Hidden));
    }
}
