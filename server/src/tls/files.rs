//! A certificate from files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tracing::{error, info};

use super::TlsError;
use super::pair::{Certificate, Pair, PairError};
use crate::metrics::Metrics;

/// Between two looks at the files. They are compared whole: times of changes say too little of links that are exchanged.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// No certificate with its chain is larger.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Reads the files anew, and shows what is in them.
pub(crate) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    seen: Seen,
    latest: watch::Sender<Arc<CertifiedKey>>,
    metrics: Arc<Metrics>,
}

/// The certificate to show to whoever asks.
#[derive(Debug)]
pub(super) struct Latest(watch::Receiver<Arc<CertifiedKey>>);

/// What the files were at the last look, so that each fault is told once.
#[derive(PartialEq, Eq)]
enum Seen {
    Pair(Pair),
    Unreadable(io::ErrorKind),
}

impl Files {
    /// Reads both, which have to be good.
    pub(super) async fn load(
        certificate: &Path,
        key: &Path,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Latest), TlsError> {
        let pair = read_both(certificate, key)
            .await
            .map_err(|(file, source)| TlsError::Read { file: file.to_owned(), source })?;
        let [certificate, key] = [certificate.to_owned(), key.to_owned()];
        match pair.parse() {
            Ok(shown) => {
                note(&metrics, &shown);
                let (latest, shown) = watch::channel(shown.key);
                Ok((Self { certificate, key, seen: Seen::Pair(pair), latest, metrics }, Latest(shown)))
            }
            Err(source) => Err(TlsError::Pair { certificate, key, source }),
        }
    }

    /// Looks again and again, and at once on SIGHUP.
    pub(super) async fn run(mut self) {
        let mut hang_ups = HangUps::new();
        loop {
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = hang_ups.next() => {}
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let read = read_both(&self.certificate, &self.key).await;
        let failed = match self.seen.consider(read.map_err(|(file, error)| (file.to_owned(), error))) {
            Ok(None) => return,
            Ok(Some(certificate)) => {
                info!("the certificate was read anew");
                note(&self.metrics, &certificate);
                self.latest.send_replace(certificate.key);
                return;
            }
            Err(failed) => failed,
        };
        self.metrics.front.certificates_failed.inc();
        match failed {
            Fault::Unreadable(file, error) => {
                error!(%error, file = %file.display(), "cannot read a certificate anew: the old one holds");
            }
            Fault::NoPair(fault) => {
                let fault: &dyn std::error::Error = &fault;
                error!(fault, "the new certificate is none: the old one holds");
            }
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Latest {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.borrow()))
    }
}

/// Why there is no new certificate.
#[derive(Debug)]
enum Fault {
    Unreadable(PathBuf, io::Error),
    NoPair(PairError),
}

impl Seen {
    /// What is new about what was read: nothing, another certificate, or a fault.
    fn consider(&mut self, read: Result<Pair, (PathBuf, io::Error)>) -> Result<Option<Certificate>, Fault> {
        let now = match &read {
            Ok(pair) => Self::Pair(pair.clone()),
            Err((_, error)) => Self::Unreadable(error.kind()),
        };
        if *self == now {
            return Ok(None);
        }
        *self = now;
        match read {
            Ok(pair) => pair.parse().map(Some).map_err(Fault::NoPair),
            Err((file, error)) => Err(Fault::Unreadable(file, error)),
        }
    }
}

fn note(metrics: &Metrics, certificate: &Certificate) {
    metrics.front.certificates_loaded.inc();
    metrics.front.certificate_expiry.set(certificate.expiry);
}

async fn read_both<'a>(certificate: &'a Path, key: &'a Path) -> Result<Pair, (&'a Path, io::Error)> {
    let read = async |file| read(file).await.map_err(|error| (file, error));
    Ok(Pair { certificate: read(certificate).await?, key: read(key).await? })
}

async fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    tokio::fs::File::open(file).await?.take(MAX_FILE_BYTES).read_to_end(&mut content).await?;
    Ok(content)
}

/// SIGHUP, with which operators say that a file has changed.
struct HangUps {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl HangUps {
    fn new() -> Self {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            #[cfg(unix)]
            signal: signal(SignalKind::hangup()).ok(),
        }
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::super::pair::tests::pair;
    use super::*;

    fn unreadable() -> Result<Pair, (PathBuf, io::Error)> {
        Err((PathBuf::from("/c.pem"), io::ErrorKind::NotFound.into()))
    }

    #[test]
    fn only_what_has_changed_is_taken() {
        let (old, new) = (pair("calls.example"), pair("calls.example"));
        let mut seen = Seen::Pair(old.clone());
        assert!(matches!(seen.consider(Ok(old)), Ok(None)));
        assert!(matches!(seen.consider(Ok(new.clone())), Ok(Some(_))));
        assert!(matches!(seen.consider(Ok(new)), Ok(None)));
    }

    #[test]
    fn each_fault_is_told_once_and_what_follows_is_taken() {
        let (old, new) = (pair("calls.example"), pair("calls.example"));
        let mut seen = Seen::Pair(old.clone());
        // The certificate was written, its key not yet.
        let half = Pair { certificate: new.certificate.clone(), key: old.key };
        assert!(matches!(seen.consider(Ok(half.clone())), Err(Fault::NoPair(_))));
        assert!(matches!(seen.consider(Ok(half)), Ok(None)));
        assert!(matches!(seen.consider(unreadable()), Err(Fault::Unreadable(..))));
        assert!(matches!(seen.consider(unreadable()), Ok(None)));
        assert!(matches!(seen.consider(Ok(new)), Ok(Some(_))));
    }
}
