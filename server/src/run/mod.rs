//! A server from its addresses to its end.

mod bind;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::Timing;
use crate::access::AccessError;
use crate::cluster::Broker;
use crate::front::{self, Front, StunConnection};
use crate::hub::{Hub, HubHandle};
use crate::moderation::{Archive, ArchiveHandle, OpenError};
use crate::tls::{Keeper, TlsError};
use crate::turn::{TurnError, TurnServer};

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
