//! The interceptor chain of a peer connection: what happens to packets between the tracks and the wire.
//!
//! From the wire inwards: origin, meter, the way out (numbers, pacing, repair, estimate), RTX unwrapping, NACK, transport-wide
//! feedback, sender reports, receiver reports. Of the crate's own machinery only feedback and receiver reports are used.

mod fuzz;
mod meter;
mod nack;
mod origin;
mod outbound;
mod reports;
mod rtx;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::{ReceiverReportBuilder, Registry, Slot, TwccReceiverBuilder};
use rtc::peer_connection::configuration::interceptor_registry::configure_simulcast_extension_headers;
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpHeaderExtensionCapability, RtpCodecKind};
use rtc::shared::error::Result;
use tokio::sync::watch;
use visavis_congestion::Estimate;
use webrtc::peer_connection::MediaEngine;

use super::VideoKind;
use super::follow::Following;
pub use fuzz::fuzz_packets;
pub(crate) use meter::{Meter, Traffic};
pub(crate) use outbound::START;
pub(crate) use reports::{CNAME, CaptureClocks, RemoteReports};

use meter::MeterStage;
use nack::NackRequests;
use origin::Origin;
use outbound::{Outbound, TRANSPORT_WIDE_URI};
use reports::SenderReports;
use rtx::RtxUnwrapper;
use stage::Staged;

/// How often arrivals are reported: what is not known yet cannot be reacted to, and libwebrtc reports as often.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);

/// What goes between the chain and the rest of a connection.
#[derive(Clone)]
pub(crate) struct Wires<F> {
    pub(crate) following: Following,
    pub(crate) meter: Arc<Meter>,
    /// Moved by every feedback of the far side.
    pub(crate) estimate: watch::Sender<Estimate>,
    /// Whether a screen is shared, so that more can be made use of.
    pub(crate) sharing: watch::Receiver<bool>,
    /// When what is sent was captured.
    pub(crate) captured: watch::Receiver<CaptureClocks>,
    /// What the far side tells of that.
    pub(crate) reports: watch::Sender<RemoteReports>,
    /// Called on the connection's own task; must not block.
    pub(crate) on_key_frame_wish: F,
}

/// The own streams of a shared screen, which tell it from camera and microphone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScreenSsrcs {
    pub(crate) picture: u32,
    pub(crate) sound: u32,
}

/// Builds the chain.
pub(crate) fn build<F>(
    media_engine: &mut MediaEngine,
    wires: Wires<F>,
    screen: ScreenSsrcs,
) -> Result<Registry>
where
    F: Fn(VideoKind) + Clone + Send + Sync + 'static,
{
    let Wires { following, meter, estimate, sharing, captured, reports, on_key_frame_wish } = wires;
    for parameter in ["", "pli"] {
        let feedback = RTCPFeedback { typ: "nack".to_owned(), parameter: parameter.to_owned() };
        media_engine.register_feedback(feedback, RtpCodecKind::Video);
    }
    let fir = RTCPFeedback { typ: "ccm".to_owned(), parameter: "fir".to_owned() };
    media_engine.register_feedback(fir, RtpCodecKind::Video);
    configure_simulcast_extension_headers(media_engine)?;
    for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
        let feedback = RTCPFeedback { typ: "transport-cc".to_owned(), parameter: String::new() };
        media_engine.register_feedback(feedback, kind);
        let numbers = RTCRtpHeaderExtensionCapability { uri: TRANSPORT_WIDE_URI.to_owned() };
        media_engine.register_header_extension(numbers, kind, None)?;
    }
    let nack = NackRequests::new(estimate.subscribe());
    let meter = MeterStage::new(meter, screen, on_key_frame_wish.clone());
    let outbound = Outbound::new(estimate, sharing, screen.picture, on_key_frame_wish);
    let registry = Registry::new()
        .with(Slot::Custom(400), Staged::new(Origin(following)))
        .with(Slot::Custom(500), Staged::new(meter))
        .with(Slot::Pacer, outbound)
        .with(Slot::Custom(6_500), Staged::new(RtxUnwrapper::default()))
        .with(Slot::NackGenerator, Staged::new(nack))
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().with_interval(FEEDBACK_INTERVAL).build())
        .with(Slot::SenderReport, Staged::new(SenderReports::new(captured, reports)))
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build());
    Ok(registry)
}
