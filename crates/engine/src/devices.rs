//! The own camera, microphone and speaker: what is chosen, what is switched on, what works.

use std::io;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc};
use visavis_media::audio::{AudioSink, AudioSinkEvent, AudioSource, AudioSourceEvent, AudioTarget};
use visavis_media::video::{VideoSource, VideoSourceEvent, VideoTarget};
use visavis_media::{CameraChoice, DeviceChoice, DeviceKind, MicrophoneChoice, SpeakerChoice};
use visavis_protocol::MediaState;

use crate::api::StreamId;
use crate::engine::FrameSink;
use crate::inner::{Inner, tell};
use crate::outgoing::EncoderCounters;
use crate::peer::Media;

pub(crate) struct Devices {
    video: VideoSource,
    audio: AudioSource,
    speaker: Arc<AudioSink>,
    choice: DeviceChoice,
    camera: Switch,
    microphone: Switch,
    /// Whether there is a call or a preview to deliver for.
    active: bool,
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
        frames: &FrameSink,
        media: &broadcast::Sender<Media>,
        counters: Arc<EncoderCounters>,
        inner: &mpsc::Sender<Inner>,
    ) -> io::Result<Self> {
        let devices = Self {
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
        Ok(devices)
    }

    pub(crate) fn speaker(&self) -> Arc<AudioSink> {
        Arc::clone(&self.speaker)
    }

    /// What the others are told that this side sends.
    pub(crate) fn media(&self) -> MediaState {
        MediaState {
            microphone: self.microphone.delivers() && self.choice.microphone != MicrophoneChoice::None,
            camera: self.camera.delivers() && self.choice.camera != CameraChoice::None,
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
        self.camera.failed = false;
        self.video.select(camera);
        self.apply();
    }

    pub(crate) fn select_microphone(&mut self, microphone: MicrophoneChoice) {
        self.choice.microphone = microphone.clone();
        self.microphone.failed = false;
        if self.active {
            self.audio.select(microphone);
        }
    }

    pub(crate) fn select_speaker(&mut self, speaker: SpeakerChoice) {
        self.choice.speaker = speaker.clone();
        if self.active {
            self.speaker.select(speaker);
        }
    }

    /// A device failed or works again.
    pub(crate) fn set_failed(&mut self, device: DeviceKind, failed: bool) {
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
    }
}
