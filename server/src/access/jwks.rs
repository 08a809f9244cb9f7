//! The keys of an identity provider, fetched from where it publishes them (RFC 7517).

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Uri;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::AccessError;
use super::keys::{Keys, NoJwks};
use crate::config::JwksUrl;

/// A document that is larger is not read.
const MAX_BYTES: usize = 256 * 1024;
/// An answer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Keys that were withdrawn are forgotten after that, if nothing else has them fetched anew.
const STALE: Duration = Duration::from_secs(3600);
/// Connections that may wait for a fetch; others go on with the keys there are.
const WAITING: usize = 256;

/// The handle of the task that fetches. It ends with the last handle.
#[derive(Debug)]
pub(super) struct Jwks {
    keys: watch::Receiver<Arc<Keys>>,
    requests: mpsc::Sender<oneshot::Sender<()>>,
}

struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: Uri,
    /// At least so long between two fetches.
    pause: Duration,
    keys: watch::Sender<Arc<Keys>>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the host does not answer")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("the host does not answer in time")]
    Slow,
    #[error("the host answers {0}")]
    Status(axum::http::StatusCode),
    #[error("the document is broken off, or has more than {MAX_BYTES} bytes")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Document(#[from] NoJwks),
}

impl Jwks {
    /// Begins to fetch.
    pub(super) fn spawn(url: JwksUrl, pause: Duration) -> Result<Self, AccessError> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(AccessError::NoRoots)?
            // Over plain HTTP only to this machine, as the configuration has it.
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let (keys_in, keys) = watch::channel(Arc::default());
        let (requests, inbox) = mpsc::channel(WAITING);
        let fetcher = Fetcher { client, url: url.into(), pause, keys: keys_in };
        tokio::spawn(fetcher.run(inbox));
        Ok(Self { keys, requests })
    }

    /// The keys that were fetched last.
    pub(super) fn keys(&self) -> Arc<Keys> {
        self.keys.borrow().clone()
    }

    /// Has the keys fetched anew, unless that was done just before; returns when [`keys`](Self::keys) are what can be had.
    pub(super) async fn refresh(&self) {
        let (done, is_done) = oneshot::channel();
        if self.requests.try_send(done).is_ok() {
            is_done.await.ok();
        }
    }
}

impl Fetcher {
    async fn run(self, mut requests: mpsc::Receiver<oneshot::Sender<()>>) {
        let mut fetched_at = self.renew().await;
        loop {
            tokio::select! {
                request = requests.recv() => {
                    let Some(done) = request else { return };
                    if fetched_at.elapsed() >= self.pause {
                        fetched_at = self.renew().await;
                    }
                    // Whoever asked may be gone.
                    done.send(()).ok();
                }
                () = sleep_until(fetched_at + STALE.max(self.pause)) => fetched_at = self.renew().await,
            }
        }
    }

    /// Takes the keys that are published now; those of before hold if there are none to be had. When it was tried.
    async fn renew(&self) -> Instant {
        match timeout(PATIENCE, self.fetch()).await.unwrap_or(Err(FetchError::Slow)) {
            Ok(keys) => {
                debug!(keys = keys.len(), "fetched the keys of tokens");
                self.keys.send_replace(Arc::new(keys));
            }
            Err(error) => {
                warn!(error = format!("{:#}", anyhow::Error::from(error)), "cannot fetch the keys of tokens")
            }
        }
        Instant::now()
    }

    /// Redirections are not followed: the keys are where the configuration says.
    async fn fetch(&self) -> Result<Keys, FetchError> {
        let answer = self.client.get(self.url.clone()).await?;
        if !answer.status().is_success() {
            return Err(FetchError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await.map_err(FetchError::Body)?;
        Ok(Keys::from_jwks(&body.to_bytes())?)
    }
}
