use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::middleware::from_fn;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};
use visavis_protocol::IceMode;

use crate::access::{Access, AccessError};
use crate::admin::{self, Readiness};
use crate::assets::Assets;
use crate::cluster::{Broker, BrokerHandle, NodeId};
use crate::connection::Shared;
use crate::front::{self, BytePace, Front, Linger, Patience, StunConnection};
use crate::http::{self, Features, Site, Transport};
use crate::hub::{Cluster, Hub, HubHandle};
use crate::ice::{Ice, NoRelay, SecureRelay, relays_strangers};
use crate::limits::{Gate, Identities};
use crate::matchmaking::Strangers;
use crate::metrics::Metrics;
use crate::moderation::api::Office;
use crate::moderation::{Archive, ArchiveHandle, OpenError, Register};
use crate::rooms::Rooms;
use crate::sessions::Sessions;
use crate::telemetry::spans;
use crate::tls::{self, Keeper, Tls, TlsError};
use crate::turn::{TurnError, TurnServer};
use crate::{Config, ModerationConfig, Timing};

/// The port of `https://` URLs that name none.
const HTTPS: u16 = 443;
/// More than any machine has sockets.
const MOST_PLACES: usize = 1 << 20;

/// What may wait for the hub that the broker has to say.
const NEWS_QUEUED: usize = 1024;

/// Connections for the relay that it has not begun with.
const STUN_TAKEN: usize = 64;

/// A server that is bound to its addresses.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    front: Front,
    keeper: Option<Keeper>,
    /// Where browsers without TLS are sent to it.
    redirect: Option<(TcpListener, Front)>,
    hub: Hub,
    handle: HubHandle,
    timing: Timing,
    /// Where operators ask, who do not wait for clients: what stands between is of its own.
    admin: Option<(TcpListener, SocketAddr, Front)>,
    archive: Option<(Archive, ArchiveHandle)>,
    ready: watch::Sender<bool>,
    /// What joins it to the other nodes, if there are to be any.
    broker: Option<Broker>,
    turn: Option<TurnServer>,
    /// Connections of the front's that are for it.
    stun_taken: Option<mpsc::Receiver<StunConnection>>,
}

/// Why a server cannot start, or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{0} is in use by another program; choose another port")]
    AddressInUse(SocketAddr),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot read the UI from {}", folder.display())]
    Ui { folder: PathBuf, source: io::Error },
    #[error(
        "strangers are to be relayed (matching.relay), and there is no relay: see [turn] and [[ice.turn]]"
    )]
    NoRelay,
    #[error("the keys of tokens cannot be used")]
    Access(#[from] AccessError),
    #[error("TLS cannot be used")]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Database(#[from] OpenError),
    #[error(transparent)]
    Turn(#[from] TurnError),
    #[error("this Redis cannot be used")]
    Redis(#[from] redis::RedisError),
}

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

    /// Where the server listens; at least one address.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What a URL of this server begins with: `https`, or `http` without TLS.
    pub fn scheme(&self) -> &'static str {
        if self.front.tls.is_some() { "https" } else { "http" }
    }

    /// Where the server sends browsers without TLS to it, if it does.
    pub fn redirect_addr(&self) -> Option<SocketAddr> {
        self.redirect.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// Where the server answers operators, if it does.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address, _)| *address)
    }

    /// Where the server relays media, if it does.
    pub fn turn_addr(&self) -> Option<SocketAddr> {
        self.turn.as_ref().map(TurnServer::local_addr)
    }

    /// Serves until `stop` resolves; then lets calls that are under way end, for as long as the configuration says or until
    /// `hurry` resolves; then says goodbye to all clients, and returns when they are gone.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()>,
    ) -> Result<(), ServerError> {
        let Self {
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
        } = self;
        for address in &addresses {
            info!(%address, "listening");
        }
        // Operators are answered to the end of this function.
        let (_stop_admin, admin_stopped) = watch::channel(false);
        if let Some((listener, address, front)) = admin {
            info!(%address, "listening for operators");
            tokio::spawn(front::serve(listener, front, admin_stopped));
        }
        let archive = archive.map(|(archive, handle)| (tokio::spawn(archive.run()), handle));
        let broker = broker.map(|broker| tokio::spawn(broker.run()));
        let hub = tokio::spawn(hub.run());
        // Ends with this function.
        let mut keeping = JoinSet::new();
        if let Some(keeper) = keeper {
            keeping.spawn(keeper.run());
        }
        if let (Some(turn), Some(stun_taken)) = (&turn, stun_taken) {
            keeping.spawn(turn.streams().serve(stun_taken));
        }
        let (stop_http, http_stopped) = watch::channel(false);
        let mut http: JoinSet<()> = listeners
            .into_iter()
            .map(|listener| (listener, front.clone()))
            .chain(redirect)
            .map(|(listener, front)| front::serve(listener, front, http_stopped.clone()))
            .collect();
        drop(front);

        stop.await;
        ready.send_replace(false);
        if !timing.drain.is_zero() {
            tokio::select! {
                _ = timeout(timing.drain, handle.drain()) => {}
                () = hurry => {}
            }
        }
        stop_http.send_replace(true);
        handle.shut_down().await.ok();
        // The hub ends when the last connection has given back its handle, as this function does here.
        drop(handle);
        let all_gone = async {
            while http.join_next().await.is_some() {}
            hub.await.ok();
            if let Some(broker) = broker {
                broker.await.ok();
            }
            if let Some((archive, handle)) = archive {
                handle.close().await;
                archive.await.ok();
            }
        };
        if timeout(timing.farewell * 2, all_gone).await.is_err() {
            warn!("some clients did not go in time");
        }
        Ok(())
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
