use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::admin;
use crate::assets::Assets;
use crate::connection::Shared;
use crate::http::{Peer, Site, router};
use crate::hub::{Hub, HubHandle};
use crate::ice::Ice;
use crate::limits::Gate;
use crate::linger::LingeringListener;
use crate::metrics::Metrics;
use crate::rooms::Rooms;
use crate::sessions::Sessions;
use crate::turn::{TurnError, TurnServer, TurnStreams};
use crate::{Config, Timing};

/// A server that is bound to its address.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    hub: Hub,
    handle: HubHandle,
    timing: Timing,
    admin: Option<(TcpListener, SocketAddr)>,
    metrics: Arc<Metrics>,
    ready: watch::Sender<bool>,
    turn: Option<TurnServer>,
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
    #[error(transparent)]
    Turn(#[from] TurnError),
    #[error("the HTTP server failed")]
    Serve(#[source] io::Error),
}

impl Server {
    /// Takes the address. Clients that connect from now on are served when [`run`](Self::run) is.
    pub async fn bind(config: Config) -> Result<Self, ServerError> {
        let assets = Assets::load(config.ui_dir.as_deref()).map_err(|source| ServerError::Ui {
            folder: config.ui_dir.unwrap_or_else(|| PathBuf::from("the program")),
            source,
        })?;
        if assets.index().is_none() {
            warn!("the UI is not built; browsers will be told how to build it");
        }
        let (listener, address) = listen(config.listen).await?;
        let admin = match config.admin.listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };

        let metrics = Arc::new(Metrics::new());
        let (ready, is_ready) = watch::channel(true);
        let (hub, handle) = Hub::new(
            Rooms::new(config.rooms.size, rand::make_rng()),
            Sessions::new(config.timing.grace, rand::make_rng()),
            Arc::clone(&metrics),
        );
        let turn = match config.turn.enabled {
            true => Some(TurnServer::start(&config.turn, config.limits, &metrics)?),
            false => None,
        };
        let connections = Shared {
            hub: handle.clone(),
            timing: config.timing,
            limits: config.limits,
            ice: Ice::new(&config.ice, config.turn.credential_ttl, turn.as_ref()),
            metrics: Arc::clone(&metrics),
        };
        let site = Site {
            connections: Arc::new(connections),
            assets,
            allowed_origins: config.allowed_origins,
            gate: Gate::new(config.limits, config.trusted_proxies),
            ready: is_ready,
        };
        let (router, timing) = (router(site), config.timing);
        Ok(Self { listener, address, router, hub, handle, timing, admin, metrics, ready, turn })
    }

    /// Where the server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where the server answers operators, if it does.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }

    /// Where the server relays media, if it does.
    pub fn turn_addr(&self) -> Option<SocketAddr> {
        self.turn.as_ref().map(TurnServer::local_addr)
    }

    /// Takes clients of the relay that come over listeners of others, such as one that ends TLS.
    pub fn turn_streams(&self) -> Option<TurnStreams> {
        self.turn.as_ref().map(TurnServer::streams)
    }

    /// Serves until `stop` resolves; then lets calls that are under way end, for as long as the configuration says or until
    /// `hurry` resolves; then says goodbye to all clients, and returns when they are gone.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        hurry: impl Future<Output = ()>,
    ) -> Result<(), ServerError> {
        let Self { listener, address, router, hub, handle, timing, admin, metrics, ready, turn: _relaying } =
            self;
        info!(%address, "listening");
        if let Some((listener, address)) = admin {
            info!(%address, "listening for operators");
            let router = admin::router(metrics, ready.subscribe());
            tokio::spawn(axum::serve(listener, router).into_future());
        }
        let hub = tokio::spawn(hub.run());
        let (stop_http, http_stopped) = oneshot::channel::<()>();
        let listener = LingeringListener { listener, linger: timing.farewell };
        let service = router.into_make_service_with_connect_info::<Peer>();
        let http = axum::serve(listener, service).with_graceful_shutdown(async {
            http_stopped.await.ok();
        });
        let mut http = pin!(http.into_future());

        tokio::select! {
            result = &mut http => return result.map_err(ServerError::Serve),
            () = stop => {}
        }
        ready.send_replace(false);
        if !timing.drain.is_zero() {
            tokio::select! {
                result = &mut http => return result.map_err(ServerError::Serve),
                _ = timeout(timing.drain, handle.drain()) => {}
                () = hurry => {}
            }
        }
        drop(stop_http);
        handle.shut_down().await.ok();
        // The hub ends when the last connection has given back its handle, as this function does here.
        drop(handle);
        let all_gone = async {
            let result = http.await;
            hub.await.ok();
            result
        };
        match timeout(timing.farewell * 2, all_gone).await {
            Ok(result) => result.map_err(ServerError::Serve),
            Err(_) => {
                warn!("some clients did not go in time");
                Ok(())
            }
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ServerError::AddressInUse(address)
        } else {
            ServerError::Listen { address, source }
        }
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
