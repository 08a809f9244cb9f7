//! The interceptor chain of a peer connection: what happens to packets between the tracks and the wire.
//!
//! From the wire inwards: meter, the way out (numbers, pacing, repair, estimate), RTX unwrapping, NACK, transport-wide
//! feedback, reports. Of the crate's own machinery only feedback and reports are used.

mod meter;
mod nack;
mod outbound;
mod rtx;

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::{Registry, Slot, TwccReceiverBuilder};
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_rtcp_reports, configure_simulcast_extension_headers,
};
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpHeaderExtensionCapability, RtpCodecKind};
use rtc::shared::error::Result;
use tokio::sync::watch;
use visavis_congestion::Estimate;
use webrtc::peer_connection::MediaEngine;

use super::VideoKind;
pub(crate) use meter::{Meter, Traffic};
pub(crate) use outbound::START;

use meter::MeterInterceptor;
use nack::NackInterceptor;
use outbound::{Outbound, TRANSPORT_WIDE_URI};
use rtx::RtxUnwrapper;

/// How often arrivals are reported: what is not known yet cannot be reacted to, and libwebrtc reports as often.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);

/// Builds the chain. Every feedback of the far side moves `estimate`; `on_key_frame_wish` is called on the connection's
/// own task and must not block. `screen_ssrc` tells the own screen from the own camera.
pub(crate) fn build(
    media_engine: &mut MediaEngine,
    meter: Arc<Meter>,
    estimate: watch::Sender<Estimate>,
    sharing: watch::Receiver<bool>,
    screen_ssrc: u32,
    on_key_frame_wish: impl Fn(VideoKind) + Clone + Send + Sync + 'static,
) -> Result<Registry> {
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
    let nack = NackInterceptor::new(estimate.subscribe());
    let outbound = Outbound::new(estimate, sharing, screen_ssrc, on_key_frame_wish.clone());
    let registry = configure_rtcp_reports(Registry::new())
        .with(Slot::Custom(500), MeterInterceptor::new(meter, screen_ssrc, on_key_frame_wish))
        .with(Slot::Pacer, outbound)
        .with(Slot::Custom(6_500), RtxUnwrapper::default())
        .with(Slot::NackGenerator, nack)
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().with_interval(FEEDBACK_INTERVAL).build());
    Ok(registry)
}
