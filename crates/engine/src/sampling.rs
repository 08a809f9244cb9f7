//! One sample of a call's statistics: what each connection knows, and what the own encoders know.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use visavis_protocol::ParticipantId;

use crate::api::{CallStats, PeerStats};
use crate::inner::{Inner, tell};
use crate::outgoing::OwnStats;
use crate::peer::{Peer, PeerCommand};

/// A connection that does not answer by then is left out of a sample.
const SAMPLE_TIMEOUT: Duration = Duration::from_millis(500);

/// Asks every connection, adds the answers to `stats`, and tells the actor.
pub(crate) fn sample(
    peers: &BTreeMap<ParticipantId, Peer>,
    own: OwnStats,
    mut stats: CallStats,
    inner: mpsc::Sender<Inner>,
) {
    let pending: Vec<_> = peers
        .iter()
        .map(|(id, peer)| {
            let (reply, sample) = oneshot::channel();
            peer.send(PeerCommand::Sample(reply));
            (id.to_string(), sample)
        })
        .collect();
    tokio::spawn(async move {
        for (participant, sample) in pending {
            if let Ok(Ok(sample)) = tokio::time::timeout(SAMPLE_TIMEOUT, sample).await {
                stats.peers.push(own.added_to(PeerStats { participant, ..sample }));
            }
        }
        tell(&inner, Inner::Stats(Box::new(stats)));
    });
}
