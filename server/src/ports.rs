//! Which ports are used for what, and who has to reach them: what a firewall is to be told.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use crate::Config;
use crate::config::{CertificateSource, TlsConfigError, TurnConfig};

/// The port that authorities look at for the proof that a name is ours (RFC 8737 section 3).
const PROOF: u16 = 443;

const THIS_MACHINE: &str = "this machine";
const EVERYBODY: &str = "everybody";

/// The ports of one configuration, to be shown as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(Vec<Port>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    address: IpAddr,
    /// From the first to the last; port 0 is any.
    numbers: RangeInclusive<u16>,
    /// `tcp`, `udp` or `both`.
    protocol: &'static str,
    /// Who has to reach it.
    open_to: &'static str,
    purpose: String,
}

impl Ports {
    /// Those that this configuration asks for.
    pub fn of(config: &Config) -> Result<Self, TlsConfigError> {
        let source = config.tls.source()?;
        let purpose = match source {
            None => "HTTP and WebSockets, without TLS".to_owned(),
            Some(CertificateSource::Files { .. }) => "HTTPS and WebSockets".to_owned(),
            Some(CertificateSource::Acme { .. }) => {
                format!("HTTPS and WebSockets; has to be port {PROOF} from outside, for the certificate")
            }
        };
        let open_to = |address: &SocketAddr, plain: bool| match (address.ip().is_loopback(), plain) {
            (true, _) => THIS_MACHINE,
            (false, true) => "the proxy",
            (false, false) => EVERYBODY,
        };
        let mut ports: Vec<_> = config
            .listen
            .iter()
            .map(|address| Port {
                open_to: open_to(address, source.is_none()),
                purpose: purpose.clone(),
                ..Port::at(*address)
            })
            .collect();
        ports.extend(config.tls.redirect.map(|address| Port {
            open_to: open_to(&address, false),
            purpose: "sends browsers on to HTTPS".to_owned(),
            ..Port::at(address)
        }));
        if config.turn.enabled {
            ports.extend(Port::relaying(&config.turn));
        }
        ports.extend(config.admin.listen.map(|address| Port {
            open_to: if address.ip().is_loopback() { THIS_MACHINE } else { "operators" },
            purpose: "metrics and statistics, and moderating".to_owned(),
            ..Port::at(address)
        }));
        Ok(Self(ports))
    }
}

impl Port {
    /// One of TCP, for everybody.
    fn at(address: SocketAddr) -> Self {
        Self {
            address: address.ip(),
            numbers: address.port()..=address.port(),
            protocol: "tcp",
            open_to: EVERYBODY,
            purpose: String::new(),
        }
    }

    fn relaying(config: &TurnConfig) -> [Self; 2] {
        let open_to = if config.listen.ip().is_loopback() { THIS_MACHINE } else { EVERYBODY };
        let clients = Self {
            protocol: "both",
            open_to,
            purpose: "TURN and STUN, for clients that find no direct path".to_owned(),
            ..Self::at(config.listen)
        };
        let relays = Self {
            numbers: config.relay_ports.ports(),
            protocol: "udp",
            purpose: "what is relayed for them".to_owned(),
            ..clients.clone()
        };
        [clients, relays]
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["PORT", "PROTOCOL", "ADDRESS", "OPEN TO", "FOR"].map(str::to_owned)];
        rows.extend(self.0.iter().map(|port| {
            [
                match (*port.numbers.start(), *port.numbers.end()) {
                    (0, _) => "any".to_owned(),
                    (first, last) if first == last => first.to_string(),
                    (first, last) => format!("{first}-{last}"),
                },
                port.protocol.to_owned(),
                port.address.to_string(),
                port.open_to.to_owned(),
                port.purpose.clone(),
            ]
        }));
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
        let [port, protocol, address, open_to] = [0, 1, 2, 3].map(width);
        for [a, b, c, d, e] in &rows {
            writeln!(f, "{a:port$}  {b:protocol$}  {c:address$}  {d:open_to$}  {e}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> String {
        let config: Config = toml::from_str(text).expect(text);
        Ports::of(&config).expect("it makes sense").to_string()
    }

    #[test]
    fn a_server_that_nobody_configured_has_one_port_for_this_machine() {
        assert_eq!(
            table(""),
            "PORT  PROTOCOL  ADDRESS    OPEN TO       FOR\n\
             8080  tcp       127.0.0.1  this machine  HTTP and WebSockets, without TLS\n"
        );
    }

    #[test]
    fn every_port_is_there_with_who_has_to_reach_it() {
        let text = "listen = ['0.0.0.0:443', '[::]:443']\n[admin]\nlisten = '10.0.0.1:9464'\n[turn]\nenabled = true\n\
                    [tls]\nredirect = '0.0.0.0:80'\n[tls.acme]\ndomains = ['calls.example']\ncache = '/c'";
        assert_eq!(
            table(text),
            "PORT         PROTOCOL  ADDRESS   OPEN TO    FOR\n\
             443          tcp       0.0.0.0   everybody  HTTPS and WebSockets; has to be port 443 from outside, for the certificate\n\
             443          tcp       ::        everybody  HTTPS and WebSockets; has to be port 443 from outside, for the certificate\n\
             80           tcp       0.0.0.0   everybody  sends browsers on to HTTPS\n\
             3478         both      0.0.0.0   everybody  TURN and STUN, for clients that find no direct path\n\
             49152-65535  udp       0.0.0.0   everybody  what is relayed for them\n\
             9464         tcp       10.0.0.1  operators  metrics and statistics, and moderating\n"
        );
    }

    #[test]
    fn what_could_not_be_started_has_no_ports() {
        let config: Config = toml::from_str("[tls]\nkey = '/k.pem'").expect("a configuration");
        assert_eq!(Ports::of(&config), Err(TlsConfigError::HalfAPair));
    }
}
