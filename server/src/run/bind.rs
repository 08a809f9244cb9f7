//! What a server is made of, and how its parts are joined.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::middleware::from_fn;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tracing::warn;
use visavis_protocol::IceMode;

use super::{Server, ServerError};
use crate::access::Access;
use crate::admin::{self, Readiness};
use crate::assets::Assets;
use crate::cluster::{Broker, BrokerHandle, NodeId};
use crate::connection::Shared;
use crate::front::{self, BytePace, Front, Linger, Patience};
use crate::http::{self, Features, Site, Transport};
use crate::hub::{Cluster, Hub};
use crate::ice::{Ice, NoRelay, SecureRelay, relays_strangers};
use crate::limits::{Gate, Identities};
use crate::matchmaking::Strangers;
use crate::metrics::Metrics;
use crate::moderation::api::Office;
use crate::moderation::{Archive, ArchiveHandle, Register};
use crate::rooms::Rooms;
use crate::sessions::Sessions;
use crate::telemetry::spans;
use crate::tls::{self, Tls};
use crate::turn::TurnServer;
use crate::{Config, ModerationConfig};

/// The port of `https://` URLs that name none.
const HTTPS: u16 = 443;
/// More than any machine has sockets.
const MOST_PLACES: usize = 1 << 20;

/// What may wait for the hub that the broker has to say.
const NEWS_QUEUED: usize = 1024;

/// Connections for the relay that it has not begun with.
const STUN_TAKEN: usize = 64;

impl Server {
    /// Takes the addresses. Clients that connect from now on are served when [`run`](Self::run) is.
    pub async fn bind(config: Config) -> Result<Self, ServerError> {
        let assets = Assets::load(config.ui_dir.as_deref()).map_err(|source| ServerError::Ui {
            folder: config.ui_dir.unwrap_or_else(|| PathBuf::from("the program")),
            source,
        })?;
        if assets.index().is_none() {
            warn!("the UI is not built; browsers will be told how to build it");
        }
        let access = Access::new(config.access)?;
        let metrics = Arc::new(Metrics::new());
        let turn = match config.turn.enabled {
            true => Some(TurnServer::start(&config.turn, config.limits, &metrics)?),
            false => None,
        };
        let (stun, stun_taken) = turn.as_ref().map(|_| mpsc::channel(STUN_TAKEN)).unzip();
        let tls = Tls::load(&config.tls, stun.is_some(), &metrics).await?;
        let bound = config.listen.iter().map(|address| listen(*address)).collect::<Result<Vec<_>, _>>()?;
        let (listeners, addresses): (Vec<_>, Vec<_>) = bound.into_iter().unzip();
        let redirect = config.tls.redirect.map(listen).transpose()?;
        let admin = config.admin.listen.map(listen).transpose()?;

        let [gate, admin_gate] = [config.trusted_proxies.clone(), config.trusted_proxies]
            .map(|proxies| Arc::new(Gate::new(config.limits, proxies)));
        let transport = match tls {
            Some(_) => Transport::Tls { hsts: http::hsts(config.tls.hsts) },
            None => Transport::Plain,
        };
        let (ready, stays) = watch::channel(true);
        let (reach, reaches) = watch::channel(config.cluster.redis.is_none());
        let readiness = Readiness { stays, reaches };
        let (broker, cluster) = match &config.cluster.redis {
            Some(url) => {
                let (news, events) = mpsc::channel(NEWS_QUEUED);
                let me = NodeId::draw(&mut rand::make_rng());
                let apart = config.matching.apart;
                let metrics = Arc::clone(&metrics);
                let (handle, commands) = BrokerHandle::new();
                let broker = Broker::new(url, &config.cluster, apart, me.clone(), commands, news, metrics)?;
                (Some(broker), Some(Cluster::new(me, handle, events, reach, config.timing.grace)))
            }
            None => (None, None),
        };
        let strangers = match (config.matching.enabled, &cluster) {
            (true, Some(_)) => Some(Strangers::shared(config.matching)),
            (true, None) => Some(Strangers::new(config.matching)),
            (false, _) => None,
        };
        let (archive_handle, commands) = ArchiveHandle::new();
        let ModerationConfig { database, appeal, .. } = &config.moderation;
        let are_relayed = relays_strangers(config.matching, &config.ice, config.turn.enabled)
            .map_err(|NoRelay| ServerError::NoRelay)?;
        if config.matching.enabled && !are_relayed && config.ice.mode == IceMode::All {
            warn!("strangers learn each other's addresses: they are not relayed");
        }
        let (hub, handle) = Hub::new(
            Rooms::new(config.rooms.size, config.rooms.door, are_relayed, rand::make_rng()),
            Sessions::new(config.timing.grace, rand::make_rng()),
            strangers,
            Register::new(appeal.clone()),
            database.is_some().then(|| archive_handle.clone()),
            cluster,
            Arc::clone(&metrics),
        );
        let archive = match database {
            Some(url) => {
                let (hub, metrics) = (handle.downgrade(), Arc::clone(&metrics));
                let archive = Archive::open(url, &config.moderation, commands, hub, metrics).await?;
                Some((archive, archive_handle))
            }
            None => None,
        };
        let secure = tls.is_some().then(|| SecureRelay {
            port: addresses.first().map_or(HTTPS, SocketAddr::port),
            domain: config.tls.acme.domains.first().cloned(),
        });
        let ice = Ice::new(&config.ice, config.turn.credential_ttl, turn.as_ref(), secure);
        let connections = Shared {
            hub: handle.clone(),
            timing: config.timing,
            limits: config.limits,
            access,
            identities: Identities::new(config.limits),
            ice,
            path_reports: config.admin.asks_for_paths(),
            metrics: Arc::clone(&metrics),
        };
        let site = Site {
            connections: Arc::new(connections),
            assets,
            allowed_origins: config.allowed_origins,
            gate: Arc::clone(&gate),
            readiness: readiness.clone(),
            transport,
            features: Features {
                strangers: config.matching.enabled,
                reports: config.moderation.database.is_some(),
            },
        };
        let timing = config.timing;
        let (tls, keeper) = tls.map(|Tls { config, keeper }| (config, keeper)).unzip();
        let half_open = || Arc::new(Semaphore::new(config.limits.half_open_sockets.clamp(1, MOST_PLACES)));
        let front = Front {
            router: http::router(site),
            gate,
            tls,
            stun,
            half_open: half_open(),
            patience: Patience { head: timing.head, silence: timing.silence },
            linger: Arc::new(Linger::new(timing.farewell)),
            bytes: BytePace::new(config.limits),
            metrics: Arc::clone(&metrics),
        };
        let redirect = redirect.map(|(listener, _)| {
            let router = tls::redirect(addresses.first().map_or(HTTPS, SocketAddr::port));
            (listener, Front { router, tls: None, stun: None, ..front.clone() })
        });
        let office = Office::new(&config.admin, archive.as_ref().map(|(_, handle)| handle.clone()));
        let admin = admin.map(|(listener, address)| {
            let router = admin::router(Arc::clone(&metrics), readiness)
                .merge(office.router().layer(from_fn(spans::request)));
            let (gate, half_open) = (admin_gate, half_open());
            let linger = Arc::new(Linger::new(timing.farewell));
            let front = Front { router, gate, half_open, linger, tls: None, stun: None, ..front.clone() };
            (listener, address, front)
        });
        Ok(Self {
            listeners,
            addresses,
            front,
            keeper,
            redirect,
            hub,
            handle,
            timing,
            admin,
            archive,
            ready,
            broker,
            turn,
            stun_taken,
        })
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ServerError::AddressInUse(address)
        } else {
            ServerError::Listen { address, source }
        }
    };
    let listener = front::listen(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
