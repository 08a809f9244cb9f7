use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{info, warn};
use visavis_protocol::IceServer;

use crate::assets::Assets;
use crate::config::StunUrl;
use crate::connection::Shared;
use crate::http::{Site, router};
use crate::hub::{Hub, HubHandle};
use crate::linger::LingeringListener;
use crate::rooms::Rooms;
use crate::sessions::Sessions;
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
}

/// Why a server cannot start, or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{0} is in use by another program; choose another port with --listen")]
    AddressInUse(SocketAddr),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot read the UI from {}", folder.display())]
    Ui { folder: PathBuf, source: io::Error },
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
        let listen = config.listen;
        let listener = TcpListener::bind(listen).await.map_err(|source| match source {
            taken if taken.kind() == io::ErrorKind::AddrInUse => ServerError::AddressInUse(listen),
            source => ServerError::Listen { address: listen, source },
        })?;
        let address =
            listener.local_addr().map_err(|source| ServerError::Listen { address: listen, source })?;

        let (hub, handle) = Hub::new(
            Rooms::new(config.rooms.size, rand::make_rng()),
            Sessions::new(config.timing.grace, rand::make_rng()),
        );
        let ice_servers = config.ice.stun.iter().map(stun_server).collect();
        let connections = Shared { hub: handle.clone(), timing: config.timing, ice_servers };
        let site =
            Site { connections: Arc::new(connections), assets, allowed_origins: config.allowed_origins };
        Ok(Self { listener, address, router: router(site), hub, handle, timing: config.timing })
    }

    /// Where the server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves; then says goodbye to all clients, and returns when they are gone.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let Self { listener, address, router, hub, handle, timing } = self;
        info!(%address, "listening");
        let hub = tokio::spawn(hub.run());
        let (stop_http, http_stopped) = oneshot::channel::<()>();
        let listener = LingeringListener { listener, linger: timing.farewell };
        let http = axum::serve(listener, router).with_graceful_shutdown(async {
            http_stopped.await.ok();
        });
        let mut http = pin!(http.into_future());

        tokio::select! {
            result = &mut http => return result.map_err(ServerError::Serve),
            () = stop => {}
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

fn stun_server(url: &StunUrl) -> IceServer {
    IceServer { urls: vec![url.to_string()], username: None, credential: None }
}
