//! One peer connection: it is told what the call core asks of it, tells what happened, and carries media both ways
//! meanwhile. It decides nothing about the call.

mod actor;
mod chain;
mod connection;
mod downlink;
mod follow;
mod handler;
mod lip_sync;
mod relay;
mod runtime;
mod sections;
mod stats;
mod uplink;

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tracing::debug;
use visavis_call::PathState;
use visavis_congestion::Estimate;
use visavis_media::audio::{AudioSink, AudioStreamId};
use visavis_media::video::Frame;
use visavis_protocol::{Candidate, IceMode};

use crate::api::PeerStats;
use crate::network::Addresses;
pub use chain::fuzz_packets;
pub(crate) use connection::IceConfig;
pub use follow::fuzz_checks;
pub use sections::fuzz_description;

pub(crate) use uplink::Media;

/// Commands that may wait for a connection, things that it may have to tell, and streams that may wait for lip-sync.
const QUEUE: usize = 256;

/// What the call wants of a connection; answered by [`PeerEvent`]s.
#[derive(Debug)]
pub(crate) enum PeerCommand {
    /// From the next ICE restart on media may take these paths.
    SetIceMode(IceMode),
    CreateOffer {
        ice_restart: bool,
    },
    AcceptOffer {
        sdp: String,
        rollback: bool,
    },
    AcceptAnswer {
        sdp: String,
    },
    AddCandidate(Candidate),
    EndCandidates {
        ufrag: String,
    },
    /// The addresses of this host are these now.
    NetworkChanged(Addresses),
    /// A sample of the statistics.
    Sample(oneshot::Sender<PeerStats>),
}

/// What happened on a connection.
#[derive(Debug)]
pub(crate) enum PeerEvent {
    OfferCreated {
        sdp: String,
    },
    AnswerCreated {
        sdp: String,
    },
    AnswerAccepted,
    NegotiationFailed,
    Candidate(Candidate),
    CandidatesEnded {
        ufrag: String,
    },
    Path(PathState),
    KeyFrameWanted(VideoKind),
    /// Whether the far side can read sound that carries older packets again.
    ReadsCopies(bool),
    /// The far side's estimate of what the path takes has moved.
    Estimate(Estimate),
    /// The far side's voice is this stream of the speaker.
    Voice(AudioStreamId),
    /// And its screen's sound is this one.
    ScreenSound(AudioStreamId),
    FirstAudio,
    FirstFrame(VideoKind),
}

/// What a video track shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VideoKind {
    Camera,
    Screen,
}

/// What a connection is given by its engine.
pub(crate) struct PeerContext {
    /// Tells the connection from others to the same peer.
    pub(crate) generation: u64,
    pub(crate) ice: IceConfig,
    pub(crate) media: broadcast::Sender<Media>,
    pub(crate) speaker: Arc<AudioSink>,
    /// Whether a screen is shared.
    pub(crate) sharing: watch::Receiver<bool>,
    /// Called on the decoder's thread with each picture of the far side.
    pub(crate) on_frame: Arc<dyn Fn(VideoKind, Arc<Frame>) + Send + Sync>,
    /// Called on whichever task an event comes from; never blocks.
    pub(crate) on_event: Arc<dyn Fn(PeerEvent) + Send + Sync>,
}

/// The handle of a connection. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Peer {
    generation: u64,
    commands: mpsc::Sender<PeerCommand>,
}

impl Peer {
    pub(crate) fn open(context: PeerContext) -> Self {
        let (commands, inbox) = mpsc::channel(QUEUE);
        let generation = context.generation;
        tokio::spawn(actor::run(context, inbox));
        Self { generation, commands }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Queues a command. The queue holds more than a call ever asks at once; a flood beyond it is dropped.
    pub(crate) fn send(&self, command: PeerCommand) {
        if self.commands.try_send(command).is_err() {
            debug!("a command to a peer connection was dropped");
        }
    }
}
