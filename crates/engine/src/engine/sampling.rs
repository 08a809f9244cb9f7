//! The statistics of a call: when it reached what, and samples of what each connection knows and what the own encoders
//! know.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use visavis_call::Input;
use visavis_protocol::ParticipantId;

use super::Actor;
use crate::api::{CallStats, Event, Milestones, PeerStats};
use crate::inner::{Inner, tell};
use crate::outgoing::OwnStats;
use crate::peer::PeerCommand;

/// A connection that does not answer by then is left out of a sample.
const SAMPLE_TIMEOUT: Duration = Duration::from_millis(500);

impl Actor {
    /// Notes the time of a milestone, the first time.
    pub(super) fn reach(&mut self, milestone: impl FnOnce(&mut Milestones) -> &mut Option<u64>) {
        if let Some(joined_at) = self.joined_at {
            milestone(&mut self.milestones).get_or_insert(millis(joined_at.elapsed()));
        }
    }

    /// Asks every connection for a sample; they are put together off the actor.
    pub(super) fn sample(&mut self) {
        let Some(joined_at) = self.joined_at else { return };
        let now = Instant::now();
        let (video, audio_target_bps) = self.outgoing.describe(now);
        let (screen, screen_sound_target_bps) = self.screen.describe(now);
        let own = OwnStats { audio_target_bps, video, screen, screen_sound_target_bps };
        let mut stats = CallStats {
            time_ms: millis(joined_at.elapsed()),
            milestones: self.milestones,
            peers: Vec::new(),
        };
        let pending: Vec<_> = self
            .peers
            .iter()
            .map(|(id, peer)| {
                let (reply, sample) = oneshot::channel();
                peer.send(PeerCommand::Sample(reply));
                (id.to_string(), sample)
            })
            .collect();
        let inner = self.inner.clone();
        tokio::spawn(async move {
            for (participant, sample) in pending {
                if let Ok(Ok(sample)) = tokio::time::timeout(SAMPLE_TIMEOUT, sample).await {
                    stats.peers.push(own.added_to(PeerStats { participant, ..sample }));
                }
            }
            tell(&inner, Inner::Stats(Box::new(stats)));
        });
    }

    pub(super) fn on_stats(&mut self, stats: Box<CallStats>) {
        for PeerStats { participant, candidate_pair, .. } in &stats.peers {
            if let (Ok(peer), Some(pair)) = (ParticipantId::new(participant.as_str()), *candidate_pair) {
                self.feed(Input::SelectedPair { peer, pair });
            }
        }
        self.emit(Event::Stats { stats });
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
