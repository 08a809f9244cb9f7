//! The actor of one peer connection: carries out one thing after the other, of what the call core asks and of what the
//! connection tells.

mod negotiation;
mod reception;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};
use visavis_call::PathState;
use webrtc::peer_connection::RTCPeerConnectionState;

use super::chain::{self, CaptureClocks, Meter, RemoteReports, Wires};
use super::connection::{self, Connection, Listeners};
use super::follow::Following;
use super::handler::{Handler, Notice};
use super::lip_sync::{self, Incoming};
use super::relay::Relays;
use super::stats::{self, Sampler};
use super::{PeerCommand, PeerContext, PeerEvent, QUEUE, uplink};
use crate::network::Addresses;

/// Runs until the handle is dropped, or no connection can be made.
pub(super) async fn run(context: PeerContext, mut commands: mpsc::Receiver<PeerCommand>) {
    let (notices, mut inbox) = mpsc::channel(QUEUE);
    let meter = Arc::new(Meter::default());
    let (estimate, mut estimates) = watch::channel(chain::START);
    let (captured, clocks) = watch::channel(CaptureClocks::new());
    let (remote_reports, reports) = watch::channel(RemoteReports::new());
    let on_event = Arc::clone(&context.on_event);
    let on_lost = {
        let notices = notices.clone();
        move || {
            // A full queue has more to tell than this, which is told again, or shows by silence.
            let _ = notices.try_send(Notice::RouteLost);
        }
    };
    let following = Following::new(on_lost.clone());
    let relays = Relays::new(&context.ice.servers, on_lost);
    let listeners = Listeners {
        handler: Arc::new(Handler { notices }),
        relays,
        wires: Wires {
            following,
            meter: Arc::clone(&meter),
            estimate,
            sharing: context.sharing.clone(),
            captured: clocks,
            reports: remote_reports,
            on_key_frame_wish: move |kind| on_event(PeerEvent::KeyFrameWanted(kind)),
        },
    };
    let connection = match connection::open(&context.ice, listeners).await {
        Ok(connection) => connection,
        Err(error) => {
            warn!(%error, "no peer connection can be made");
            (context.on_event)(PeerEvent::NegotiationFailed);
            return;
        }
    };
    let mut actor = Actor::new(context, connection, meter, captured, reports);
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => actor.on_command(command).await,
                None => break,
            },
            Some(notice) = inbox.recv() => actor.on_notice(notice).await,
            Ok(()) = estimates.changed() => {
                let estimate = *estimates.borrow_and_update();
                actor.sampler.estimate = estimate;
                (actor.context.on_event)(PeerEvent::Estimate(estimate));
            }
        }
    }
    actor.close().await;
}

struct Actor {
    context: PeerContext,
    connection: Connection,
    connected: watch::Sender<bool>,
    /// The user name fragment of the local description, for candidates that come without one.
    ufrag: String,
    /// The payload type of redundant audio in the local description.
    redundant_audio: Option<u8>,
    tasks: JoinSet<()>,
    sampler: Sampler,
    /// For microphone and camera.
    lip_sync: mpsc::Sender<Incoming>,
    /// For the screen and its sound.
    screen_sync: mpsc::Sender<Incoming>,
}

impl Actor {
    fn new(
        context: PeerContext,
        connection: Connection,
        meter: Arc<Meter>,
        captured: watch::Sender<CaptureClocks>,
        reports: watch::Receiver<RemoteReports>,
    ) -> Self {
        let (connected, is_connected) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let on_event = Arc::clone(&context.on_event);
        tasks.spawn(uplink::run(
            connection.tracks.clone(),
            context.media.subscribe(),
            is_connected,
            captured,
            move |kind| on_event(PeerEvent::KeyFrameWanted(kind)),
        ));
        let (lip_sync, incoming) = mpsc::channel(QUEUE);
        tasks.spawn(lip_sync::run(incoming, reports.clone()));
        let (screen_sync, incoming) = mpsc::channel(QUEUE);
        tasks.spawn(lip_sync::run(incoming, reports));
        Self {
            context,
            connection,
            connected,
            ufrag: String::new(),
            redundant_audio: None,
            tasks,
            sampler: Sampler::new(meter),
            lip_sync,
            screen_sync,
        }
    }

    async fn on_command(&mut self, command: PeerCommand) {
        let answer = match command {
            PeerCommand::SetIceMode(mode) => return self.set_ice_mode(mode).await,
            PeerCommand::CreateOffer { ice_restart } => {
                self.create_offer(ice_restart).await.map(|sdp| PeerEvent::OfferCreated { sdp })
            }
            PeerCommand::AcceptOffer { sdp, rollback } => {
                self.accept_offer(sdp, rollback).await.map(|sdp| PeerEvent::AnswerCreated { sdp })
            }
            PeerCommand::AcceptAnswer { sdp } => {
                self.accept_answer(sdp).await.map(|()| PeerEvent::AnswerAccepted)
            }
            PeerCommand::AddCandidate(candidate) => return self.add_candidate(candidate).await,
            // The crate has no use for it: it goes on checking what it has.
            PeerCommand::EndCandidates { ufrag } => return debug!(ufrag, "no more remote candidates"),
            PeerCommand::NetworkChanged(addresses) => return self.on_network(&addresses).await,
            PeerCommand::Sample(reply) => {
                // Whoever asked may be gone.
                let _ = reply.send(self.sampler.sample(&self.connection, Instant::now()).await);
                return;
            }
        };
        (self.context.on_event)(answer.unwrap_or_else(|error| {
            warn!(%error, "the negotiation failed");
            PeerEvent::NegotiationFailed
        }));
    }

    async fn on_network(&self, addresses: &Addresses) {
        let local = stats::local_address(&self.connection).await;
        if local.is_some_and(|address| !addresses.have(address)) {
            (self.context.on_event)(PeerEvent::Path(PathState::Moved));
        }
    }

    async fn on_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Candidate(event) => self.on_candidate(&event),
            Notice::GatheringComplete => {
                (self.context.on_event)(PeerEvent::CandidatesEnded { ufrag: self.ufrag.clone() });
            }
            Notice::IceConnected => self.wake_driver().await,
            Notice::State(state) => self.on_state(state),
            Notice::RouteLost => (self.context.on_event)(PeerEvent::Path(PathState::Moved)),
            Notice::Track(track) => self.on_track(track).await,
        }
    }

    fn on_state(&mut self, state: RTCPeerConnectionState) {
        debug!(%state, "peer connection");
        let path = if state == RTCPeerConnectionState::Connected {
            PathState::Connected
        } else if state == RTCPeerConnectionState::Disconnected {
            PathState::Disconnected
        } else if state == RTCPeerConnectionState::Failed {
            PathState::Failed
        } else {
            return;
        };
        self.connected.send_replace(path == PathState::Connected);
        (self.context.on_event)(PeerEvent::Path(path));
    }

    async fn close(mut self) {
        self.tasks.shutdown().await;
        if let Err(error) = self.connection.pc.close().await {
            debug!(%error, "closing a peer connection");
        }
    }
}
