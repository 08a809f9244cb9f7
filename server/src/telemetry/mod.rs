//! What the program tells of itself while it runs: the log and, with the feature `otel`, traces.

#[cfg(feature = "otel")]
mod otlp;
pub(crate) mod spans;

use std::io;

use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::LogFormat;

/// Begins to tell; to be flushed at the end.
#[derive(Debug)]
#[must_use = "traces that wait are lost unless they are flushed"]
pub struct Telemetry {
    #[cfg(feature = "otel")]
    traces: Option<otlp::Traces>,
}

/// Why it cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("log is not a filter such as info or debug")]
    Filter(#[from] ParseError),
    #[cfg(feature = "otel")]
    #[error("traces cannot be sent as OTEL_EXPORTER_OTLP_… has it")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[cfg(feature = "otel")]
    #[error("the system names no authorities to trust")]
    NoRoots(#[source] io::Error),
}

impl Telemetry {
    /// Logs what passes `filter` to standard error, and sends traces if the environment says where to. Once in a process,
    /// within a runtime of tokio.
    pub fn begin(filter: &str, format: LogFormat) -> Result<Self, TelemetryError> {
        // The first warns of every packet that is not STUN: anybody could fill the disk. The second are no lines.
        let filter = EnvFilter::try_new(format!("stun_types=off,{}=off,{filter}", spans::TARGET))?;
        #[cfg(feature = "otel")]
        let traces = otlp::Traces::from_environment()?;
        let registry = tracing_subscriber::registry();
        #[cfg(feature = "otel")]
        let registry = registry.with(traces.as_ref().map(otlp::Traces::layer));
        let log = fmt::layer().with_writer(io::stderr);
        match format {
            LogFormat::Text => registry.with(log.with_filter(filter)).init(),
            LogFormat::Json => registry.with(log.json().with_filter(filter)).init(),
        }
        Ok(Self {
            #[cfg(feature = "otel")]
            traces,
        })
    }

    /// Sends what waits, for a few seconds at most.
    pub async fn flush(self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            traces.flush().await;
        }
    }
}
