//! What clients tell of how media gets through: counted, and nothing else is kept.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use visavis_protocol::{AddressFamily, CandidateType, PathReport, RelayProtocol, SelectedPair};

/// Both ends of a peer connection tell of it, each from its side.
#[derive(Debug)]
pub(crate) struct PathMetrics {
    connections: Family<PairLabels, Counter>,
    /// In seconds.
    connect_duration: Family<KindLabels, Histogram, fn() -> Histogram>,
    changes: Family<PairLabels, Counter>,
    restarts: Counter,
    reconnects: Counter,
    failures: Family<FailureLabels, Counter>,
}

/// A label without a value is one that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PairLabels {
    kind: &'static str,
    relay_protocol: &'static str,
    family: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    was_connected: &'static str,
}

impl PathMetrics {
    pub(super) fn new() -> Self {
        Self {
            connections: Family::default(),
            connect_duration: Family::new_with_constructor(connect_duration),
            changes: Family::default(),
            restarts: Counter::default(),
            reconnects: Counter::default(),
            failures: Family::default(),
        }
    }

    pub(crate) fn count(&self, report: PathReport) {
        match report {
            PathReport::Connected { connect_ms, pair } => {
                self.connections.get_or_create(&PairLabels::of(pair)).inc();
                let labels = KindLabels { kind: pair.kind.as_str() };
                let lasted = Duration::from_millis(connect_ms.into());
                self.connect_duration.get_or_create(&labels).observe(lasted.as_secs_f64());
            }
            PathReport::Changed { pair } => {
                self.changes.get_or_create(&PairLabels::of(pair)).inc();
            }
            PathReport::Restarted {} => {
                self.restarts.inc();
            }
            PathReport::Reconnected {} => {
                self.reconnects.inc();
            }
            PathReport::Failed { was_connected } => {
                self.failures.get_or_create(&FailureLabels::of(was_connected)).inc();
            }
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("path");
        let connections = self.connections.clone();
        registry.register("connections", "Peer connections that came to be, as clients tell", connections);
        let took = self.connect_duration.clone();
        let help = "From knowing of somebody to being connected, as clients tell";
        registry.register_with_unit("connect_duration", help, Unit::Seconds, took);
        let changes = self.changes.clone();
        registry.register("changes", "Peer connections that took another pair, as clients tell", changes);
        registry.register("restarts", "ICE restarts, as clients tell", self.restarts.clone());
        let reconnects = self.reconnects.clone();
        registry.register("reconnects", "Peer connections that came back, as clients tell", reconnects);
        let failures = self.failures.clone();
        registry.register("failures", "Peer connections that were given up, as clients tell", failures);
        // There from the beginning, so that the first of them is a change.
        for kind in CandidateType::ALL {
            drop(self.connect_duration.get_or_create(&KindLabels { kind: kind.as_str() }));
            for pair in pairs_of(kind) {
                drop(self.connections.get_or_create(&PairLabels::of(pair)));
                drop(self.changes.get_or_create(&PairLabels::of(pair)));
            }
        }
        for was_connected in [false, true] {
            drop(self.failures.get_or_create(&FailureLabels::of(was_connected)));
        }
    }
}

/// 50 ms to 100 s.
fn connect_duration() -> Histogram {
    Histogram::new(exponential_buckets(0.05, 2.0, 12))
}

/// All that clients can mean by a kind: a relay of one's own makes the pair one of `relay`.
fn pairs_of(kind: CandidateType) -> impl Iterator<Item = SelectedPair> {
    let protocols = match kind {
        CandidateType::Relay => RelayProtocol::ALL.as_slice(),
        CandidateType::Host | CandidateType::Prflx | CandidateType::Srflx => &[],
    };
    let protocols = protocols.iter().copied().map(Some).chain([None]);
    protocols.flat_map(move |relay_protocol| {
        let families = AddressFamily::ALL.into_iter().map(Some).chain([None]);
        families.map(move |family| SelectedPair { kind, relay_protocol, family })
    })
}

impl PairLabels {
    fn of(SelectedPair { kind, relay_protocol, family }: SelectedPair) -> Self {
        let relay_protocol = relay_protocol.filter(|_| kind == CandidateType::Relay);
        Self {
            kind: kind.as_str(),
            relay_protocol: relay_protocol.map_or("", RelayProtocol::as_str),
            family: family.map_or("", AddressFamily::as_str),
        }
    }
}

impl FailureLabels {
    fn of(was_connected: bool) -> Self {
        Self { was_connected: if was_connected { "true" } else { "false" } }
    }
}
