//! Making a peer connection: codecs, ICE settings, tracks.

use std::sync::Arc;
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::mdns::MulticastSocket;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::shared::error::Result;
use visavis_protocol::{IceMode, IceServer, RelayProtocol};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfiguration,
    RTCConfigurationBuilder, RTCIceTransportPolicy, SettingEngineBuilder,
};
use webrtc::rtp_transceiver::RtpSender;

use super::VideoKind;
use super::chain::{self, CNAME, ScreenSsrcs, Wires};
use super::follow::Following;
use super::relay::Relays;
use super::runtime::ConnectionRuntime;
use super::sections;

/// Without an answer to checks for this long the path counts as disconnected, and then as failed.
const ICE_DISCONNECTED: Duration = Duration::from_secs(3);
/// The crate forgets all candidates of a path that has failed, so that it cannot come back by itself: not before consent
/// has expired (RFC 7675 section 5.1), counted from the last answer.
const ICE_FAILED: Duration = Duration::from_secs(27);
/// How soon a path that comes back is noticed.
const ICE_KEEPALIVE: Duration = Duration::from_millis(400);
/// Every pair is checked this often (RFC 8445 section 14.2 asks for 5 ms at least), this many times: five seconds.
const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(25);
const ICE_CHECKS: u16 = 200;
/// The agent keeps the pair that it takes first: a direct one has this long to be found before a relayed one is taken.
const RELAY_WAIT: Duration = Duration::from_secs(1);

/// What the screen and its sound are called together in session descriptions.
const SCREEN_STREAM: &str = "visavis-screen";

const VP8_PAYLOAD_TYPE: u8 = 96;
const RTX_PAYLOAD_TYPE: u8 = 97;
const OPUS_PAYLOAD_TYPE: u8 = 111;
const RED_PAYLOAD_TYPE: u8 = 63;

/// A connection with the tracks to send.
pub(crate) struct Connection {
    pub(crate) pc: Arc<dyn PeerConnection>,
    pub(crate) tracks: OutgoingTracks,
    pub(crate) following: Following,
    relays: Relays,
    mdns: MulticastDnsMode,
}

impl Connection {
    /// From the next candidates on media takes these paths.
    pub(crate) async fn set_ice_mode(&self, mode: IceMode) -> Result<()> {
        self.pc.set_configuration(configuration(&self.relays, Some(mode))).await
    }

    /// What the relay is reached over that the agent knows by this URL.
    pub(crate) fn relay_protocol(&self, url: &str) -> RelayProtocol {
        self.relays.protocol(url)
    }

    /// Whether sockets can be bound for a restart. The crate opens one for multicast DNS too if it did at the beginning,
    /// and is lost for good where that fails, as without any route.
    pub(crate) fn can_restart(&self) -> bool {
        self.mdns == MulticastDnsMode::Disabled || MulticastSocket::new().into_std().is_ok()
    }
}

/// The own tracks, in the order of their media sections (see `docs/protocol.md`).
#[derive(Clone)]
pub(crate) struct OutgoingTracks {
    pub(crate) audio: OutgoingTrack,
    pub(crate) camera: OutgoingTrack,
    pub(crate) screen: OutgoingTrack,
    pub(crate) screen_sound: OutgoingTrack,
}

/// A track of our own and what negotiation made of it.
#[derive(Clone)]
pub(crate) struct OutgoingTrack {
    pub(crate) track: Arc<TrackLocalStaticRTP>,
    pub(crate) sender: Arc<dyn RtpSender>,
    pub(crate) ssrc: u32,
}

/// What a connection tells, and where it goes.
pub(crate) struct Listeners<F> {
    pub(crate) handler: Arc<dyn PeerConnectionEventHandler>,
    pub(crate) relays: Relays,
    pub(crate) wires: Wires<F>,
}

/// Where paths are found, and which of them media may take.
#[derive(Debug, Clone)]
pub(crate) struct IceConfig {
    pub(crate) servers: Vec<IceServer>,
    pub(crate) mode: Option<IceMode>,
}

pub(crate) async fn open<F>(ice: &IceConfig, listeners: Listeners<F>) -> Result<Connection>
where
    F: Fn(VideoKind) + Clone + Send + Sync + 'static,
{
    let screen_ssrcs = ScreenSsrcs { picture: rand::random(), sound: rand::random() };
    // A host without a multicast route cannot resolve `.local` candidates, and can call all the same.
    let (pc, mdns) = match build(ice, &listeners, screen_ssrcs, MulticastDnsMode::QueryOnly).await {
        Ok(pc) => (pc, MulticastDnsMode::QueryOnly),
        Err(error) => {
            tracing::debug!(%error, "no multicast DNS here");
            let mode = MulticastDnsMode::Disabled;
            (build(ice, &listeners, screen_ssrcs, mode).await?, mode)
        }
    };
    // One stream for microphone and camera, so that the far side plays them in step.
    let audio = add_track(&pc, CNAME, "audio", RtpCodecKind::Audio, rand::random()).await?;
    let camera = add_track(&pc, CNAME, "video", RtpCodecKind::Video, rand::random()).await?;
    // And one for the screen and its sound.
    let ScreenSsrcs { picture, sound } = screen_ssrcs;
    let screen = add_track(&pc, SCREEN_STREAM, "screen", RtpCodecKind::Video, picture).await?;
    let screen_sound = add_track(&pc, SCREEN_STREAM, "screen-sound", RtpCodecKind::Audio, sound).await?;
    let tracks = OutgoingTracks { audio, camera, screen, screen_sound };
    let Listeners { relays, wires, .. } = listeners;
    Ok(Connection { pc, tracks, following: wires.following, relays, mdns })
}

async fn build<F>(
    ice: &IceConfig,
    listeners: &Listeners<F>,
    screen: ScreenSsrcs,
    mdns: MulticastDnsMode,
) -> Result<Arc<dyn PeerConnection>>
where
    F: Fn(VideoKind) + Clone + Send + Sync + 'static,
{
    let mut media_engine = MediaEngine::default();
    // The first that is offered is what the far side sends: libwebrtc sends copies if it is asked to that way.
    media_engine.register_codec(
        RTCRtpCodecParameters { rtp_codec: red(), payload_type: RED_PAYLOAD_TYPE },
        RtpCodecKind::Audio,
    )?;
    media_engine.register_codec(
        RTCRtpCodecParameters { rtp_codec: opus(), payload_type: OPUS_PAYLOAD_TYPE },
        RtpCodecKind::Audio,
    )?;
    media_engine.register_codec(
        RTCRtpCodecParameters { rtp_codec: vp8(), payload_type: VP8_PAYLOAD_TYPE },
        RtpCodecKind::Video,
    )?;
    media_engine.register_codec(
        RTCRtpCodecParameters { rtp_codec: rtx(), payload_type: RTX_PAYLOAD_TYPE },
        RtpCodecKind::Video,
    )?;
    // Relays are the best there is where nothing else may be used; elsewhere a direct path gets the time to be found.
    let relay_wait = match ice.mode {
        Some(IceMode::Relay) => Duration::ZERO,
        Some(IceMode::All) | None => RELAY_WAIT,
    };
    let registry = chain::build(&mut media_engine, listeners.wires.clone(), screen)?;
    let settings = SettingEngineBuilder::new()
        .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEPALIVE))
        .with_ice_connection_attempts(Some(ICE_CHECK_INTERVAL), Some(ICE_CHECKS))
        // A direct pair is taken as soon as it works; waiting for a better one costs up to a second.
        .with_host_acceptance_min_wait(Some(Duration::ZERO))
        .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_relay_acceptance_min_wait(Some(relay_wait))
        // The sockets are bound to the addresses that there were: a restart binds them to those that there are.
        .with_discard_local_candidates_during_ice_restart(true)
        .with_multicast_dns_mode(mdns)
        .build();
    let runtime =
        ConnectionRuntime { following: listeners.wires.following.clone(), relays: listeners.relays.clone() };
    // An agent that is made for relays alone takes no other candidates ever after. What is gathered, and by that what is
    // sent and contacted, goes by the configuration of the moment.
    let pc = PeerConnectionBuilder::new()
        .with_configuration(configuration(&listeners.relays, None))
        .with_media_engine(media_engine)
        .with_setting_engine(settings)
        .with_interceptor_registry(registry)
        .with_handler(Arc::clone(&listeners.handler))
        .with_runtime(Arc::new(runtime))
        .with_udp_addrs(vec!["0.0.0.0:0", "[::]:0"])
        .build()
        .await?;
    if ice.mode == Some(IceMode::Relay) {
        pc.set_configuration(configuration(&listeners.relays, ice.mode)).await?;
    }
    Ok(Arc::new(pc))
}

fn configuration(relays: &Relays, mode: Option<IceMode>) -> RTCConfiguration {
    let policy = match mode {
        Some(IceMode::Relay) => RTCIceTransportPolicy::Relay,
        Some(IceMode::All) | None => RTCIceTransportPolicy::All,
    };
    RTCConfigurationBuilder::new()
        .with_ice_servers(relays.ice_servers())
        .with_ice_transport_policy(policy)
        .build()
}

async fn add_track(
    pc: &Arc<dyn PeerConnection>,
    stream: &str,
    name: &str,
    kind: RtpCodecKind,
    ssrc: u32,
) -> Result<OutgoingTrack> {
    let (codec, rtx) = if kind == RtpCodecKind::Video {
        (vp8(), Some(RTCRtpRtxParameters { ssrc: rand::random() }))
    } else {
        (opus(), None)
    };
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), rtx, ..Default::default() },
        codec,
        ..Default::default()
    };
    let track =
        MediaStreamTrack::new(stream.to_owned(), name.to_owned(), name.to_owned(), kind, vec![encoding]);
    let track = Arc::new(TrackLocalStaticRTP::new(track));
    let sender = pc.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await?;
    Ok(OutgoingTrack { track, sender, ssrc })
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// Redundant audio (RFC 2198) of Opus, as libwebrtc describes it.
fn red() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: sections::RED_MIME_TYPE.to_owned(),
        sdp_fmtp_line: format!("{OPUS_PAYLOAD_TYPE}/{OPUS_PAYLOAD_TYPE}"),
        ..opus()
    }
}

fn vp8() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "video/VP8".to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: Vec::new(),
    }
}

fn rtx() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "video/rtx".to_owned(),
        sdp_fmtp_line: format!("apt={VP8_PAYLOAD_TYPE}"),
        ..vp8()
    }
}
