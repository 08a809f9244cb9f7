//! What clients are told to find each other with, each with credentials of its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use visavis_protocol::{IceMode, IceServer, SessionToken};

use crate::config::{IceConfig, MatchRelay, MatchingConfig, StunUrl, TurnAccess, TurnService, TurnUrl};
use crate::turn::{Credentials, TurnServer, id_of, mint};

/// The servers of `welcome`, but for what is different for each session.
#[derive(Debug)]
pub(crate) struct Ice {
    mode: IceMode,
    stun: Vec<String>,
    relays: Vec<Relay>,
    credential_ttl: Duration,
}

#[derive(Debug)]
struct Relay {
    urls: Vec<String>,
    access: TurnAccess,
}

/// How our own relay is reached over TLS: at the port of HTTPS.
#[derive(Debug)]
pub(crate) struct SecureRelay {
    pub(crate) port: u16,
    /// A name in the certificate, if it is known.
    pub(crate) domain: Option<String>,
}

impl Ice {
    /// Our own relay is told of first, if there is one; `secure` is how it is reached over TLS too.
    pub(crate) fn new(
        config: &IceConfig,
        credential_ttl: Duration,
        own: Option<&TurnServer>,
        secure: Option<SecureRelay>,
    ) -> Self {
        let own_stun =
            own.iter().flat_map(|own| own.authorities()).map(|authority| format!("stun:{authority}"));
        let own_relay = own.map(|own| Relay {
            urls: own
                .authorities()
                .flat_map(|authority| {
                    ["udp", "tcp"].map(|transport| format!("turn:{authority}?transport={transport}"))
                })
                .chain(secure.iter().flat_map(|secure| secure.urls(own.hosts())))
                .collect(),
            access: TurnAccess::Shared { secret: own.secret().clone() },
        });
        Self {
            mode: config.mode,
            stun: own_stun.chain(config.stun.iter().map(StunUrl::to_string)).collect(),
            relays: own_relay.into_iter().chain(config.turn.iter().map(Relay::of)).collect(),
            credential_ttl,
        }
    }

    /// Which paths clients may take, for servers where that is not all of them.
    pub(crate) fn mode(&self) -> Option<IceMode> {
        match self.mode {
            IceMode::All => None,
            IceMode::Relay => Some(IceMode::Relay),
        }
    }

    /// What a session is told. Its credentials name neither the session nor anybody in it.
    pub(crate) fn servers(&self, session: &SessionToken, now: SystemTime) -> Vec<IceServer> {
        let expires = now.duration_since(UNIX_EPOCH).unwrap_or_default() + self.credential_ttl;
        let stun = self.stun.iter().map(|url| IceServer {
            urls: vec![url.clone()],
            username: None,
            credential: None,
        });
        let relays = self.relays.iter().map(|relay| {
            let Credentials { username, password } = match &relay.access {
                TurnAccess::Shared { secret } => {
                    let secret = secret.reveal();
                    mint(secret, &id_of(secret, session.as_str()), expires.as_secs())
                }
                TurnAccess::Fixed { username, credential } => {
                    Credentials { username: username.clone(), password: credential.reveal().to_owned() }
                }
            };
            IceServer { urls: relay.urls.clone(), username: Some(username), credential: Some(password) }
        });
        stun.chain(relays).collect()
    }
}

/// Strangers are to be relayed always, and there is no relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRelay;

/// Whether strangers are relayed until both want a direct path, with or without a relay of our own. Where the welcome has
/// everybody relayed, that stays so.
pub(crate) fn relays_strangers(
    matching: MatchingConfig,
    ice: &IceConfig,
    has_own: bool,
) -> Result<bool, NoRelay> {
    let has_relay = has_own || !ice.turn.is_empty();
    match (matching.relay, ice.mode) {
        (MatchRelay::Always, _) if matching.enabled && !has_relay => Err(NoRelay),
        (MatchRelay::Never, _) | (_, IceMode::Relay) => Ok(false),
        (MatchRelay::Auto | MatchRelay::Always, IceMode::All) => Ok(has_relay),
    }
}

impl SecureRelay {
    /// Clients hold the certificate against the name (RFC 8489 section 6.2.3), so one that is in it is better than an address.
    fn urls(&self, hosts: &[String]) -> Vec<String> {
        let hosts = self.domain.as_ref().map_or(hosts, std::slice::from_ref);
        hosts.iter().map(|host| format!("turns:{host}:{}?transport=tcp", self.port)).collect()
    }
}

impl Relay {
    fn of(service: &TurnService) -> Self {
        let TurnService { urls, access, .. } = service;
        Self { urls: urls.iter().map(TurnUrl::to_string).collect(), access: access.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    const DAY: Duration = Duration::from_secs(86_400);

    fn ice(text: &str) -> Ice {
        Ice::new(&toml::from_str(text).expect("valid"), DAY, None, None)
    }

    fn session(text: &str) -> SessionToken {
        SessionToken::new(text).expect("a token")
    }

    #[test]
    fn each_session_has_credentials_of_its_own_for_a_day() {
        let ice = ice("[[turn]]\nurls = ['turn:a.example', 'turns:a.example']\nsecret = 'north'");
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let servers = |token| ice.servers(&session(token), now);
        let [one, again, other] = ["one", "one", "other"].map(servers);
        let username = one[0].username.as_deref().expect("a name");
        let (expiry, id) = username.split_once(':').expect("two parts");
        assert_eq!(expiry, "87400");
        assert!(!id.contains("one"), "{id}");
        assert_eq!(one, again);
        assert_ne!(one[0].username, other[0].username);
        assert_ne!(one[0].credential, other[0].credential);
        assert_eq!(one[0].urls, ["turn:a.example", "turns:a.example"]);
    }

    #[test]
    fn over_tls_the_name_of_the_certificate_is_told_where_it_is_known() {
        let hosts = ["192.0.2.7".to_owned(), "[2001:db8::7]".to_owned()];
        let urls =
            |domain: Option<&str>| SecureRelay { port: 443, domain: domain.map(str::to_owned) }.urls(&hosts);
        assert_eq!(urls(Some("calls.example.org")), ["turns:calls.example.org:443?transport=tcp"]);
        let by_address = ["turns:192.0.2.7:443?transport=tcp", "turns:[2001:db8::7]:443?transport=tcp"];
        assert_eq!(urls(None), by_address);
    }

    #[test]
    fn strangers_are_relayed_where_there_is_a_relay_and_the_operator_does_not_say_otherwise() {
        let service = "[[ice.turn]]\nurls = ['turn:a.example']\nsecret = 'north'";
        for (text, relayed) in [
            ("", Ok(false)),
            (service, Ok(true)),
            ("[turn]\nenabled = true", Ok(true)),
            ("[matching]\nenabled = true\nrelay = 'always'\n[turn]\nenabled = true", Ok(true)),
            ("[matching]\nenabled = true\nrelay = 'always'", Err(NoRelay)),
            ("[matching]\nrelay = 'always'", Ok(false)),
            ("[matching]\nrelay = 'never'\n[turn]\nenabled = true", Ok(false)),
            // Everybody is relayed, and nothing can be consented to.
            ("[ice]\nmode = 'relay'\n[turn]\nenabled = true", Ok(false)),
        ] {
            let Config { matching, ice, turn, .. } = toml::from_str(text).expect("valid");
            assert_eq!(relays_strangers(matching, &ice, turn.enabled), relayed, "{text}");
        }
    }

    #[test]
    fn what_a_service_has_given_is_passed_on() {
        let ice = ice("stun = ['stun:s.example']\nmode = 'relay'\n\
             [[turn]]\nurls = ['turn:a.example']\nusername = 'u'\ncredential = 'c'\nregion = 'eu'\n\
             [[turn]]\nurls = ['turn:b.example']\nsecret = 'south'\nregion = 'us'");
        let servers = ice.servers(&session("one"), UNIX_EPOCH);
        let urls: Vec<_> = servers.iter().flat_map(|server| server.urls.clone()).collect();
        assert_eq!(urls, ["stun:s.example", "turn:a.example", "turn:b.example"]);
        assert_eq!(servers[1].credential.as_deref(), Some("c"));
        assert_eq!(ice.mode(), Some(IceMode::Relay));
    }
}
