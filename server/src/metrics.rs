//! What the server counts about itself, for those who operate it. Nothing here depends on anything that is counted.

mod paths;

use std::fmt;
use std::time::Instant;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;
use visavis_protocol::ErrorCode;

use crate::front::Counts;
use crate::turn::Refusal;
use paths::PathMetrics;

/// All counters of one server. Counting costs an atomic addition.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    started: Instant,
    /// WebSockets that are open.
    pub(crate) connections: Gauge,
    pub(crate) connections_opened: Counter,
    /// WebSockets that an address wanted above its limit.
    pub(crate) connections_refused: Counter,
    /// Conversations with clients, the absent ones among them.
    pub(crate) sessions: Gauge,
    /// Sessions whose client may still come back.
    pub(crate) sessions_absent: Gauge,
    pub(crate) sessions_resumed: Counter,
    /// Connections here whose sessions are at other nodes.
    pub(crate) connections_carried: Gauge,
    /// Sessions that went to another node.
    pub(crate) sessions_moved: Counter,
    pub(crate) rooms: Gauge,
    pub(crate) participants: Gauge,
    pub(crate) joins: Counter,
    /// From reading a `join` to having everything queued that follows from it, in seconds.
    pub(crate) join_duration: Histogram,
    /// People who wait for a stranger.
    pub(crate) waiting: Gauge,
    /// Pairs of strangers.
    pub(crate) matches: Counter,
    /// How long the one who came first has waited for the other, in seconds.
    pub(crate) match_wait: Histogram,
    pub(crate) messages_received: Counter,
    pub(crate) messages_sent: Counter,
    pub(crate) front: Counts,
    /// Reports that were kept.
    pub(crate) reports: Counter,
    /// Those that wait for the moderators.
    pub(crate) reports_open: Gauge,
    /// Bans that hold.
    pub(crate) bans: Gauge,
    errors: Family<ErrorLabels, Counter>,
    pub(crate) paths: PathMetrics,
    pub(crate) turn: TurnMetrics,
    pub(crate) broker: BrokerMetrics,
}

/// What is counted of what several servers share.
#[derive(Debug, Clone)]
pub(crate) struct BrokerMetrics {
    /// 1 while Redis answers.
    pub(crate) up: Gauge,
    /// Servers that are alive, this one among them.
    pub(crate) nodes: Gauge,
    /// From asking Redis, of many things at once, to its answer, in seconds.
    pub(crate) exchange: Histogram,
    pub(crate) errors: Counter,
    pub(crate) mail_sent: Counter,
    pub(crate) mail_received: Counter,
}

impl BrokerMetrics {
    fn new() -> Self {
        Self {
            up: Gauge::default(),
            nodes: Gauge::default(),
            // 0.1 ms to 3 s.
            exchange: Histogram::new(exponential_buckets(100e-6, 2.0, 16)),
            errors: Counter::default(),
            mail_sent: Counter::default(),
            mail_received: Counter::default(),
        }
    }

    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("redis");
        registry.register("up", "Whether Redis answers", self.up.clone());
        registry.register("nodes", "Servers that are alive, by Redis", self.nodes.clone());
        let exchange = self.exchange.clone();
        registry.register_with_unit("exchange", "From asking Redis to its answer", Unit::Seconds, exchange);
        registry.register("errors", "Failures of Redis", self.errors.clone());
        registry.register("mail_sent", "Messages to other servers", self.mail_sent.clone());
        registry.register("mail_received", "Messages of other servers", self.mail_received.clone());
    }
}

/// What the relay counts, apart from the rest: it counts every packet.
#[derive(Debug, Clone, Default)]
pub(crate) struct TurnMetrics {
    pub(crate) allocations: Gauge,
    pub(crate) allocations_opened: Counter,
    pub(crate) bytes_to_peers: Counter,
    pub(crate) bytes_to_clients: Counter,
    /// Packets above the bandwidth of an allocation.
    pub(crate) dropped: Counter,
    refusals: Family<RefusalLabels, Counter>,
}

impl TurnMetrics {
    pub(crate) fn refusal(&self, refusal: Refusal) {
        self.refusals.get_or_create(&RefusalLabels { code: refusal.code() }).inc();
    }

    #[cfg(test)]
    pub(crate) fn refusals_of(&self, code: u16) -> u64 {
        self.refusals.get_or_create(&RefusalLabels { code }).get()
    }

    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("turn");
        registry.register("allocations", "Relays that clients have", self.allocations.clone());
        let opened = self.allocations_opened.clone();
        registry.register("allocations_opened", "Relays that clients were given", opened);
        let to_peers = self.bytes_to_peers.clone();
        registry.register("bytes_to_peers", "Bytes relayed from clients to peers", to_peers);
        let to_clients = self.bytes_to_clients.clone();
        registry.register("bytes_to_clients", "Bytes relayed from peers to clients", to_clients);
        registry.register("dropped", "Packets above the bandwidth of a relay", self.dropped.clone());
        registry.register("refusals", "Refused requests, by the code of STUN", self.refusals.clone());
        for refusal in Refusal::ALL {
            drop(self.refusals.get_or_create(&RefusalLabels { code: refusal.code() }));
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    code: u16,
}

/// What there is now, for people and scripts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Stats {
    version: &'static str,
    uptime_s: f64,
    connections: i64,
    sessions: i64,
    sessions_absent: i64,
    rooms: i64,
    participants: i64,
    joins: u64,
    waiting: i64,
    matches: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    code: Code,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Code(ErrorCode);

impl EncodeLabelValue for Code {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.as_str().encode(encoder)
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("visavis");
        let metrics = Self {
            started: Instant::now(),
            connections: Gauge::default(),
            connections_opened: Counter::default(),
            connections_refused: Counter::default(),
            sessions: Gauge::default(),
            sessions_absent: Gauge::default(),
            sessions_resumed: Counter::default(),
            connections_carried: Gauge::default(),
            sessions_moved: Counter::default(),
            rooms: Gauge::default(),
            participants: Gauge::default(),
            joins: Counter::default(),
            // 50 µs to 0.8 s.
            join_duration: Histogram::new(exponential_buckets(50e-6, 2.0, 15)),
            waiting: Gauge::default(),
            matches: Counter::default(),
            // 10 ms to 5 minutes.
            match_wait: Histogram::new(exponential_buckets(0.01, 2.0, 16)),
            messages_received: Counter::default(),
            messages_sent: Counter::default(),
            front: Counts::default(),
            reports: Counter::default(),
            reports_open: Gauge::default(),
            bans: Gauge::default(),
            errors: Family::default(),
            paths: PathMetrics::new(),
            turn: TurnMetrics::default(),
            broker: BrokerMetrics::new(),
            registry: Registry::default(),
        };
        registry.register("build", "The program", Info::new([("version", VERSION)]));
        registry.register("connections", "WebSockets that are open", metrics.connections.clone());
        let opened = metrics.connections_opened.clone();
        registry.register("connections_opened", "WebSockets that were opened", opened);
        let refused = metrics.connections_refused.clone();
        registry.register("connections_refused", "WebSockets above the limit of an address", refused);
        registry.register("sessions", "Sessions of clients, absent ones too", metrics.sessions.clone());
        let absent = metrics.sessions_absent.clone();
        registry.register("sessions_absent", "Sessions whose client may still come back", absent);
        let resumed = metrics.sessions_resumed.clone();
        registry.register("sessions_resumed", "Sessions that went on over another connection", resumed);
        let carried = metrics.connections_carried.clone();
        registry.register("connections_carried", "WebSockets whose sessions are at other nodes", carried);
        let moved = metrics.sessions_moved.clone();
        registry.register("sessions_moved", "Sessions that went to another node", moved);
        registry.register("rooms", "Rooms with somebody in them", metrics.rooms.clone());
        registry.register("participants", "People in rooms", metrics.participants.clone());
        registry.register("joins", "People who came into a room", metrics.joins.clone());
        let took = metrics.join_duration.clone();
        registry.register_with_unit("join_duration", "From a join to its answer", Unit::Seconds, took);
        registry.register("waiting", "People who wait for a stranger", metrics.waiting.clone());
        registry.register("matches", "Pairs of strangers who met", metrics.matches.clone());
        let waited = metrics.match_wait.clone();
        registry.register_with_unit(
            "match_wait",
            "From seeking to meeting, of who came first",
            Unit::Seconds,
            waited,
        );
        let received = metrics.messages_received.clone();
        registry.register("messages_received", "Messages of clients", received);
        registry.register("messages_sent", "Messages to clients", metrics.messages_sent.clone());
        metrics.front.register(&mut registry);
        registry.register("reports", "Reports that were kept", metrics.reports.clone());
        let open = metrics.reports_open.clone();
        registry.register("reports_open", "Reports that wait for the moderators", open);
        registry.register("bans", "Bans that hold", metrics.bans.clone());
        registry.register("errors", "Refusals, by the code that the client is told", metrics.errors.clone());
        // There from the beginning, so that the first refusal is a change.
        for code in ErrorCode::ALL {
            drop(metrics.errors.get_or_create(&ErrorLabels { code: Code(code) }));
        }
        metrics.paths.register(&mut registry);
        metrics.turn.register(&mut registry);
        metrics.broker.register(&mut registry);
        Self { registry, ..metrics }
    }

    /// A client is told of an error.
    pub(crate) fn error(&self, code: ErrorCode) {
        self.errors.get_or_create(&ErrorLabels { code: Code(code) }).inc();
    }

    /// All of it in the text format of OpenMetrics 1.0.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        // A text takes everything.
        encode(&mut text, &self.registry).ok();
        text
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            version: VERSION,
            uptime_s: self.started.elapsed().as_secs_f64(),
            connections: self.connections.get(),
            sessions: self.sessions.get(),
            sessions_absent: self.sessions_absent.get(),
            rooms: self.rooms.get(),
            participants: self.participants.get(),
            joins: self.joins.get(),
            waiting: self.waiting.get(),
            matches: self.matches.get(),
        }
    }
}

/// As a gauge has it; nobody has more than that of anything.
pub(crate) fn gauged(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
