//! The interceptor chain of a peer connection: what happens to packets between the tracks and the wire.
//!
//! From the wire inwards: meter, congestion control, transport-wide numbering, retransmission, RTX unwrapping, NACK,
//! transport-wide feedback, reports. The pacer's slot stays empty: the crate's puts sound behind pictures.

mod estimator;
mod meter;
mod rtx;

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::{
    CongestionControlBuilder, NackGeneratorBuilder, NackResponderBuilder, Registry, Slot,
};
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_rtcp_reports, configure_simulcast_extension_headers, configure_twcc,
};
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RtpCodecKind};
use rtc::shared::error::Result;
use tokio::sync::watch;
use visavis_congestion::Estimate;
use webrtc::peer_connection::MediaEngine;

pub(crate) use estimator::START;
pub(crate) use meter::{Meter, Traffic};

use estimator::Bridge;
use meter::MeterInterceptor;
use rtx::RtxUnwrapper;

/// How often missing packets are asked for again.
const NACK_INTERVAL: Duration = Duration::from_millis(20);
/// How often the same packet is asked for at most.
const MAX_NACKS: u16 = 10;

/// Builds the chain. Every feedback of the far side moves `estimate`; `on_key_frame_wish` is called on the connection's
/// own task and must not block.
pub(crate) fn build(
    media_engine: &mut MediaEngine,
    meter: Arc<Meter>,
    estimate: watch::Sender<Estimate>,
    on_key_frame_wish: impl Fn() + Send + Sync + 'static,
) -> Result<Registry> {
    for parameter in ["", "pli"] {
        let feedback = RTCPFeedback { typ: "nack".to_owned(), parameter: parameter.to_owned() };
        media_engine.register_feedback(feedback, RtpCodecKind::Video);
    }
    let fir = RTCPFeedback { typ: "ccm".to_owned(), parameter: "fir".to_owned() };
    media_engine.register_feedback(fir, RtpCodecKind::Video);
    configure_simulcast_extension_headers(media_engine)?;
    let registry = configure_twcc(Registry::new(), media_engine)?;
    let registry = configure_rtcp_reports(registry)
        .with(Slot::Custom(500), MeterInterceptor::new(meter, on_key_frame_wish))
        .with(Slot::CongestionControl, CongestionControlBuilder::new(Bridge::new(estimate)).build())
        .with(Slot::NackResponder, NackResponderBuilder::new().build())
        .with(Slot::Custom(6_500), RtxUnwrapper::default())
        .with(
            Slot::NackGenerator,
            NackGeneratorBuilder::new()
                .with_interval(NACK_INTERVAL)
                .with_max_nacks_per_packet(MAX_NACKS)
                .build(),
        );
    Ok(registry)
}
