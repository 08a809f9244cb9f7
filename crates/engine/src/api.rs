//! What a shell says to the engine and hears from it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use visavis_call::{CallEvent, CandidatePair};
use visavis_media::audio::Volume;
use visavis_media::audio::voice::VoiceSettings;
use visavis_media::video::screen::{Screen, ScreenError};
use visavis_media::{
    CameraChoice, DeviceError, DeviceKind, DeviceList, MicrophoneChoice, ScreenChoice, SpeakerChoice,
};
use visavis_protocol::{
    AccessToken, DisplayName, HostAction, Interest, ParticipantId, Region, ReportReason, ReportWords,
    RoomName,
};

/// A wish of the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(optional_fields)]
pub enum Command {
    /// Enter a room. `server` is the origin of an invite link, such as `https://calls.example.org`.
    Join {
        server: String,
        room: RoomName,
        name: DisplayName,
        /// What the user was invited with, or else what [`Event::Guest`] once gave for this server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<AccessToken>,
    },
    /// Meet a stranger whom this server finds.
    Seek {
        server: String,
        name: DisplayName,
        /// What they are to have in common, for a while.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(optional, as = "Option<Vec<Interest>>")]
        interests: Vec<Interest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        region: Option<Region>,
        /// As for a room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        token: Option<AccessToken>,
    },
    /// Leave the stranger, and meet another one.
    Next,
    Leave,
    /// Let the stranger know the user's addresses, for a direct path, once they would do so too; until the end of this stay.
    Consent,
    /// Tell the moderators of the server of somebody who is here, or was within the last two minutes.
    Report {
        participant: ParticipantId,
        reason: ReportReason,
        words: ReportWords,
    },
    /// Never meet this person again by chance, who is here, or was within the last two minutes.
    Block {
        participant: ParticipantId,
    },
    /// What the user, a host of the room, wants done with it.
    Host {
        action: HostAction,
    },
    SetMicrophone {
        on: bool,
    },
    SetCamera {
        on: bool,
    },
    SelectCamera {
        camera: CameraChoice,
    },
    SelectMicrophone {
        microphone: MicrophoneChoice,
    },
    SelectSpeaker {
        speaker: SpeakerChoice,
    },
    /// How loud everybody together is played.
    SetOutputVolume {
        volume: Volume,
    },
    /// How loud a participant is played among the others, until the end of this stay.
    SetParticipantVolume {
        participant: ParticipantId,
        volume: Volume,
    },
    /// What is done to the own voice before the others hear it; the tone and files are sent as they are.
    SetVoiceProcessing {
        settings: VoiceSettings,
    },
    /// Show the own picture and meter the own voice before a call; a call in progress shows them anyway.
    SetPreview {
        on: bool,
    },
    /// Show the others a screen or a window, beside the camera, until the call ends; in place of one that is shared. Answered
    /// by [`Event::ScreenStarted`] or [`Event::ScreenEnded`].
    ShareScreen {
        screen: ScreenChoice,
        /// And let them hear what this computer plays, but for the call.
        #[serde(default)]
        sound: bool,
    },
    StopScreen,
    /// Look for what can be shared; answered by [`Event::Screens`].
    ListScreens,
    /// Look for devices; answered by [`Event::Devices`], which also comes when one is plugged in or out while real ones
    /// are in use.
    ListDevices,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    Call {
        event: CallEvent,
    },
    /// A server has given the user a guest's identity, to be kept and named in the next [`Command::Join`] there.
    Guest {
        server: String,
        token: AccessToken,
    },
    Devices {
        devices: DeviceList,
    },
    /// A device failed; the call goes on without it, or with the system's choice in its place.
    DeviceFailed {
        error: DeviceError,
        stand_in: bool,
    },
    /// A device that had failed is there again, and used again, switched on or off as it was.
    DeviceReturned {
        device: DeviceKind,
    },
    /// A device that was asked for delivers.
    DeviceStarted {
        device: DeviceKind,
    },
    /// What can be shared; with an error where there is no way to.
    Screens {
        screens: Vec<Screen>,
        /// Whether this computer's sound can be shared with it.
        sound: bool,
        error: Option<ScreenError>,
    },
    /// The others are shown the screen that was asked for.
    ScreenStarted,
    /// No screen is shared any more, or none could be; without an error if that was wished.
    ScreenEnded {
        error: Option<ScreenError>,
    },
    /// Of a screen that is shared with sound: whether the sound is there. The picture goes on without.
    ScreenSound {
        on: bool,
    },
    /// A stream of pictures starts: the own one, or a participant's.
    VideoStarted {
        stream: StreamId,
    },
    VideoEnded {
        stream: StreamId,
    },
    /// How loud the own microphone is, 0 to 1, about ten times a second while it delivers.
    MicrophoneLevel {
        level: f32,
    },
    /// How loud the others are, about ten times a second while anybody sends sound.
    ParticipantLevels {
        levels: Vec<ParticipantLevel>,
    },
    /// Once a second while in a call.
    Stats {
        stats: Box<CallStats>,
    },
}

/// How loud somebody's voice comes in, 0 to 1, whatever volume it is played at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ParticipantLevel {
    pub participant: ParticipantId,
    pub level: f32,
}

/// A stream of pictures.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "participant", rename_all = "snake_case")]
pub enum StreamId {
    /// The own camera.
    Own,
    /// A participant's camera.
    Participant(ParticipantId),
    /// A participant's screen.
    Screen(ParticipantId),
}

/// How the call runs; one sample a second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct CallStats {
    /// Milliseconds since the engine was asked to join.
    pub time_ms: u64,
    pub milestones: Milestones,
    pub peers: Vec<PeerStats>,
}

/// When the call reached its first states, in milliseconds since the engine was asked to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct Milestones {
    pub joined_ms: Option<u64>,
    /// Somebody else was in the room.
    pub peer_present_ms: Option<u64>,
    pub connected_ms: Option<u64>,
    pub first_audio_ms: Option<u64>,
    pub first_frame_ms: Option<u64>,
}

/// One peer connection.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct PeerStats {
    pub participant: String,
    pub candidate_pair: Option<CandidatePair>,
    pub rtt_ms: Option<f64>,
    /// What the estimator believes the path carries, in bit/s.
    pub estimate_bps: u64,
    pub sent_audio: SentStats,
    pub sent_video: SentStats,
    pub sent_screen: SentStats,
    pub sent_screen_sound: SentStats,
    pub received_audio: ReceivedStats,
    pub received_video: ReceivedStats,
    pub received_screen: ReceivedStats,
    pub received_screen_sound: ReceivedStats,
}

/// An outgoing track. Rates are over the last second; counters since the track began.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct SentStats {
    pub bitrate_bps: u64,
    pub target_bps: u64,
    pub frames_per_second: f64,
    pub width: u32,
    pub height: u32,
    pub packets: u64,
    pub retransmitted_packets: u64,
    /// Share of packets that the receiver misses, 0 to 1.
    pub loss: f64,
    pub nacks: u64,
    pub plis: u64,
    pub firs: u64,
    pub key_frames: u64,
}

/// An incoming track. Rates are over the last second; counters since the track began.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct ReceivedStats {
    pub bitrate_bps: u64,
    pub frames_per_second: f64,
    pub width: u32,
    pub height: u32,
    pub packets: u64,
    pub lost_packets: i64,
    pub jitter_ms: f64,
    pub jitter_buffer_ms: f64,
    /// Share of played sound that had to be made up, 0 to 1, since the track began.
    pub concealed: f64,
    pub freezes: u64,
    pub nacks: u64,
    pub plis: u64,
    pub frames_decoded: u64,
}
