//! The own camera, microphone and speaker: what is chosen, what is switched on, what works, what stands in for it.

mod stand_in;
mod watch;

use std::io;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch as value};
use visavis_congestion::SourceLimits;
use visavis_media::audio::voice::{VoiceSettings, render_feed};
use visavis_media::audio::{AudioSink, AudioSinkEvent, AudioSource, AudioSourceEvent, AudioTarget, Volume};
use visavis_media::video::{SourceFormat, VideoSource, VideoSourceEvent, VideoTarget};
use visavis_media::{
    CameraChoice, DeviceChoice, DeviceErrorCode, DeviceKind, DeviceList, MicrophoneChoice, SpeakerChoice,
};
use visavis_protocol::MediaState;

use crate::api::StreamId;
use crate::engine::FrameSink;
use crate::inner::{Inner, tell};
use crate::outgoing::EncoderCounters;
use crate::peer::Media;
use stand_in::{Chosen, StandIn};
use watch::Wanted;
pub(crate) use watch::list;

pub(crate) struct Devices {
    video: VideoSource,
    audio: AudioSource,
    speaker: Arc<AudioSink>,
    choice: DeviceChoice,
    camera: Switch,
    microphone: Switch,
    stand_ins: StandIns,
    /// Whether the list of devices is looked after.
    watched: value::Sender<Wanted>,
    /// Whether there is a call or a preview to deliver for.
    active: bool,
}

struct StandIns {
    camera: StandIn,
    microphone: StandIn,
    speaker: StandIn,
}

/// One source's state as the user and the others see it.
#[derive(Debug, Clone, Copy)]
struct Switch {
    on: bool,
    failed: bool,
}

impl Devices {
    /// Starts the devices' threads; nothing is opened before a call or a preview wants it.
    ///
    /// Own pictures go to `frames`, everything encoded to `media`, and what happens to the actor.
    pub(crate) fn open(
        choice: DeviceChoice,
        voice: VoiceSettings,
        frames: &FrameSink,
        media: &broadcast::Sender<Media>,
        counters: Arc<EncoderCounters>,
        inner: &mpsc::Sender<Inner>,
    ) -> io::Result<Self> {
        let (watched, wanted) = value::channel(Wanted::default());
        tokio::spawn(watch::run(wanted, inner.clone()));
        let devices = Self {
            stand_ins: StandIns {
                camera: StandIn::new(false, (&choice.camera).into()),
                microphone: StandIn::new(true, (&choice.microphone).into()),
                speaker: StandIn::new(true, (&choice.speaker).into()),
            },
            watched,
            video: VideoSource::spawn(video_listener(
                Arc::clone(frames),
                media.clone(),
                counters,
                inner.clone(),
            ))?,
            audio: AudioSource::spawn(audio_listener(media.clone(), inner.clone()))?,
            speaker: Arc::new(AudioSink::spawn(speaker_listener(inner.clone()))?),
            choice,
            camera: Switch { on: true, failed: false },
            microphone: Switch { on: true, failed: false },
            active: false,
        };
        devices.video.select(devices.choice.camera.clone());
        let (played, rendered) = render_feed();
        devices.speaker.feed_echo(played);
        devices.audio.hear_echo(rendered);
        devices.audio.set_voice(voice);
        Ok(devices)
    }

    pub(crate) fn speaker(&self) -> Arc<AudioSink> {
        Arc::clone(&self.speaker)
    }

    /// What the others are told that this side sends, of its devices.
    pub(crate) fn media(&self) -> MediaState {
        MediaState {
            microphone: self.microphone.delivers() && self.choice.microphone != MicrophoneChoice::None,
            camera: self.camera.delivers() && self.choice.camera != CameraChoice::None,
            screen: false,
        }
    }

    /// Opens the devices for a call or a preview, or closes them after it.
    pub(crate) fn set_active(&mut self, active: bool) {
        if self.active == active {
            return;
        }
        self.active = active;
        let (microphone, speaker) = if active {
            (self.choice.microphone.clone(), self.choice.speaker.clone())
        } else {
            (MicrophoneChoice::None, SpeakerChoice::None)
        };
        self.audio.select(microphone);
        self.speaker.select(speaker);
        self.apply();
    }

    /// Switches the camera. One that failed is tried again.
    pub(crate) fn set_camera(&mut self, on: bool) {
        if on && self.camera.failed {
            self.video.select(self.choice.camera.clone());
        }
        self.camera = Switch { on, failed: false };
        self.apply();
    }

    /// Switches the microphone. One that failed is tried again.
    pub(crate) fn set_microphone(&mut self, on: bool) {
        if on && self.microphone.failed && self.active {
            self.audio.select(self.choice.microphone.clone());
        }
        self.microphone = Switch { on, failed: false };
        self.apply();
    }

    pub(crate) fn select_camera(&mut self, camera: CameraChoice) {
        self.choice.camera = camera.clone();
        self.stand_ins.camera.choose((&camera).into());
        self.camera.failed = false;
        self.video.select(camera);
        self.apply();
    }

    pub(crate) fn select_microphone(&mut self, microphone: MicrophoneChoice) {
        self.choice.microphone = microphone.clone();
        self.stand_ins.microphone.choose((&microphone).into());
        self.microphone.failed = false;
        if self.active {
            self.audio.select(microphone);
        }
        self.apply();
    }

    pub(crate) fn select_speaker(&mut self, speaker: SpeakerChoice) {
        self.choice.speaker = speaker.clone();
        self.stand_ins.speaker.choose((&speaker).into());
        if self.active {
            self.speaker.select(speaker);
        }
        self.apply();
    }

    pub(crate) fn set_voice(&self, settings: VoiceSettings) {
        self.audio.set_voice(settings);
    }

    pub(crate) fn set_output_volume(&self, volume: Volume) {
        self.speaker.set_output_volume(volume);
    }

    /// A device delivers.
    pub(crate) fn handle_started(&mut self, device: DeviceKind) {
        self.set_failed(device, false);
    }

    /// A device failed. Tells whether another stands in for it.
    pub(crate) fn handle_failure(&mut self, device: DeviceKind, code: DeviceErrorCode) -> bool {
        let stands_in = self.active && self.stand_ins.of(device).handle_failure(code);
        self.set_failed(device, !stands_in);
        self.watched.send_modify(|watched| watched.looks += 1);
        if stands_in {
            match device {
                DeviceKind::Camera => self.video.select(CameraChoice::Default),
                DeviceKind::Microphone => self.audio.select(MicrophoneChoice::Default),
                DeviceKind::Speaker => self.speaker.select(SpeakerChoice::Default),
            }
        }
        stands_in
    }

    /// These devices are there now. Gives those that have come back and are used again.
    pub(crate) fn handle_present(&mut self, present: &DeviceList) -> Vec<DeviceKind> {
        let mut back = Vec::new();
        for (kind, list) in [
            (DeviceKind::Camera, &present.cameras),
            (DeviceKind::Microphone, &present.microphones),
            (DeviceKind::Speaker, &present.speakers),
        ] {
            if self.stand_ins.of(kind).handle_present(list) && self.active {
                self.set_failed(kind, false);
                self.use_chosen(kind);
                back.push(kind);
            }
        }
        back
    }

    fn use_chosen(&self, device: DeviceKind) {
        match device {
            DeviceKind::Camera => self.video.select(self.choice.camera.clone()),
            DeviceKind::Microphone => self.audio.select(self.choice.microphone.clone()),
            DeviceKind::Speaker => self.speaker.select(self.choice.speaker.clone()),
        }
    }

    fn set_failed(&mut self, device: DeviceKind, failed: bool) {
        match device {
            DeviceKind::Camera => self.camera.failed = failed,
            DeviceKind::Microphone => self.microphone.failed = failed,
            DeviceKind::Speaker => {}
        }
    }

    /// Whether anybody wants what the encoders make.
    pub(crate) fn set_sending(&self, sending: bool) {
        self.video.set_sending(sending);
        self.audio.set_sending(sending);
    }

    pub(crate) fn request_key_frame(&self) {
        self.video.request_key_frame();
    }

    pub(crate) fn set_video_target(&self, target: VideoTarget) {
        self.video.set_target(target);
    }

    pub(crate) fn set_audio_target(&self, target: AudioTarget) {
        self.audio.set_encoder(target);
    }

    fn apply(&self) {
        self.video.set_enabled(self.active && self.camera.on);
        self.audio.set_enabled(self.active && self.microphone.on);
        let is_wanted = self.active && self.stand_ins.any_real();
        self.watched
            .send_if_modified(|watched| std::mem::replace(&mut watched.is_wanted, is_wanted) != is_wanted);
    }
}

impl StandIns {
    fn of(&mut self, device: DeviceKind) -> &mut StandIn {
        match device {
            DeviceKind::Camera => &mut self.camera,
            DeviceKind::Microphone => &mut self.microphone,
            DeviceKind::Speaker => &mut self.speaker,
        }
    }

    fn any_real(&self) -> bool {
        [&self.camera, &self.microphone, &self.speaker].into_iter().any(StandIn::is_real)
    }
}

impl From<&CameraChoice> for Chosen {
    fn from(choice: &CameraChoice) -> Self {
        match choice {
            CameraChoice::None | CameraChoice::Pattern | CameraChoice::File(_) => Self::Synthetic,
            CameraChoice::Default => Self::SystemChoice,
            CameraChoice::Device(id) => Self::Device(id.clone()),
        }
    }
}

impl From<&MicrophoneChoice> for Chosen {
    fn from(choice: &MicrophoneChoice) -> Self {
        match choice {
            MicrophoneChoice::None
            | MicrophoneChoice::Tone
            | MicrophoneChoice::Pips
            | MicrophoneChoice::File(_) => Self::Synthetic,
            MicrophoneChoice::Default => Self::SystemChoice,
            MicrophoneChoice::Device(id) => Self::Device(id.clone()),
        }
    }
}

impl From<&SpeakerChoice> for Chosen {
    fn from(choice: &SpeakerChoice) -> Self {
        match choice {
            SpeakerChoice::None | SpeakerChoice::File(_) => Self::Synthetic,
            SpeakerChoice::Default => Self::SystemChoice,
            SpeakerChoice::Device(id) => Self::Device(id.clone()),
        }
    }
}

impl Switch {
    fn delivers(self) -> bool {
        self.on && !self.failed
    }
}

fn video_listener(
    frames: FrameSink,
    media: broadcast::Sender<Media>,
    counters: Arc<EncoderCounters>,
    inner: mpsc::Sender<Inner>,
) -> impl Fn(VideoSourceEvent) + Send + Sync + 'static {
    move |event| match event {
        VideoSourceEvent::Started => {
            tell(&inner, Inner::DeviceStarted(DeviceKind::Camera));
            tell(&inner, Inner::OwnVideoStarted);
        }
        VideoSourceEvent::Failed(error) => tell(&inner, Inner::DeviceFailed(error)),
        VideoSourceEvent::Limits(SourceFormat { width, height, frames_per_second }) => {
            tell(&inner, Inner::CameraLimits(SourceLimits { width, height, frames_per_second }));
        }
        VideoSourceEvent::Busy(busy) => tell(&inner, Inner::EncoderBusy(busy)),
        VideoSourceEvent::Preview(frame) => frames(&StreamId::Own, frame),
        VideoSourceEvent::Encoded(frame) => {
            counters.on_frame(&frame);
            // Nobody may be connected yet.
            let _ = media.send(Media::Video(frame));
        }
    }
}

fn audio_listener(
    media: broadcast::Sender<Media>,
    inner: mpsc::Sender<Inner>,
) -> impl Fn(AudioSourceEvent) + Send + Sync + 'static {
    move |event| match event {
        AudioSourceEvent::Started => tell(&inner, Inner::DeviceStarted(DeviceKind::Microphone)),
        AudioSourceEvent::Failed(error) => tell(&inner, Inner::DeviceFailed(error)),
        AudioSourceEvent::Level(level) => tell(&inner, Inner::Level(level)),
        AudioSourceEvent::Encoded(packet) => {
            let _ = media.send(Media::Audio(packet));
        }
    }
}

fn speaker_listener(inner: mpsc::Sender<Inner>) -> impl Fn(AudioSinkEvent) + Send + Sync + 'static {
    move |event| match event {
        AudioSinkEvent::Started => tell(&inner, Inner::DeviceStarted(DeviceKind::Speaker)),
        AudioSinkEvent::Failed(error) => tell(&inner, Inner::DeviceFailed(error)),
        AudioSinkEvent::FirstAudio(_) => {}
        AudioSinkEvent::Levels(levels) => tell(&inner, Inner::VoiceLevels(levels)),
    }
}
