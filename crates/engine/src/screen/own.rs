//! The own screen on its way to everybody, and this computer's sound with it if that is wished: filmed, recorded and
//! encoded once, shaped to its part of what the narrowest path takes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc, watch};
use tracing::warn;
use visavis_congestion::{KeyFrameRequests, ScreenLadder, ScreenSoundLadder, ScreenSoundTarget};
use visavis_media::ScreenChoice;
use visavis_media::audio::system::{SystemSound, SystemSoundEvent};
use visavis_media::video::VideoTarget;
use visavis_media::video::screen::{ScreenError, ScreenErrorCode, ScreenShare, ScreenShareEvent};

use crate::api::SentStats;
use crate::inner::{Inner, tell};
use crate::outgoing::{EncoderMeter, Shared, as_target, is_notable};
use crate::peer::Media;

/// What a share is started with, in bit/s, before its part of an estimate is known.
const START_BPS: u64 = 500_000;

/// What a share tells the actor.
#[derive(Debug)]
pub(crate) enum ScreenEvent {
    Started,
    Failed(ScreenError),
    /// Whether there is sound, if it was asked for.
    Sound {
        on: bool,
    },
}

/// The share of the own screen: none, or one.
pub(crate) struct OwnScreen {
    media: broadcast::Sender<Media>,
    inner: mpsc::Sender<Inner>,
    encoder: EncoderMeter,
    key_frames: KeyFrameRequests,
    share: Option<Share>,
    /// Whether there is one, for the connections: more can be made use of then.
    sharing: watch::Sender<bool>,
    sending: bool,
    /// Tells the present share from earlier ones, whose threads may not have ended.
    generation: Arc<AtomicU64>,
    /// What the timestamps of all shares' sound count from: they go over one track.
    epoch: Instant,
}

struct Share {
    handle: ScreenShare,
    sound: Option<Sound>,
    ladder: ScreenLadder,
    target: VideoTarget,
    /// Whether the screen is filmed already.
    started: bool,
}

struct Sound {
    handle: SystemSound,
    target: ScreenSoundTarget,
}

impl OwnScreen {
    /// Pictures go to `media`, and what happens to the actor.
    pub(crate) fn new(media: broadcast::Sender<Media>, inner: mpsc::Sender<Inner>) -> Self {
        Self {
            media,
            inner,
            encoder: EncoderMeter::new(Instant::now()),
            key_frames: KeyFrameRequests::default(),
            share: None,
            sharing: watch::Sender::new(false),
            sending: false,
            generation: Arc::new(AtomicU64::new(0)),
            epoch: Instant::now(),
        }
    }

    /// Whether there is a share, now and from now on.
    pub(crate) fn sharing(&self) -> watch::Receiver<bool> {
        self.sharing.subscribe()
    }

    /// What takes its part of what is there.
    pub(crate) fn shared(&self) -> Shared {
        match &self.share {
            None => Shared::Nothing,
            Some(Share { sound: None, .. }) => Shared::Picture,
            Some(Share { sound: Some(_), .. }) => Shared::PictureAndSound,
        }
    }

    /// Whether the others are shown a screen.
    pub(crate) fn is_shown(&self) -> bool {
        self.share.as_ref().is_some_and(|share| share.started)
    }

    /// Shares this, in place of what is shared.
    pub(crate) fn start(&mut self, choice: ScreenChoice, with_sound: bool) -> Result<(), ScreenError> {
        self.stop();
        let mut ladder = ScreenLadder::default();
        let target = as_target(ladder.handle_available(Instant::now(), START_BPS));
        let listener = self.listener();
        let failed = |error: io::Error| ScreenError::new(ScreenErrorCode::Failed, error.to_string());
        let handle = ScreenShare::start(choice, target, listener).map_err(failed)?;
        handle.set_sending(self.sending);
        let sound = if with_sound { self.start_sound() } else { None };
        self.share = Some(Share { handle, sound, ladder, target, started: false });
        self.sharing.send_replace(true);
        Ok(())
    }

    /// Ends the share. Tells whether there was one.
    pub(crate) fn stop(&mut self) -> bool {
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.sharing.send_replace(false);
        self.share.take().is_some()
    }

    /// Whether what a share told is of the present one.
    pub(crate) fn is_present(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Relaxed) == generation
    }

    pub(crate) fn handle_started(&mut self) {
        if let Some(share) = &mut self.share {
            share.started = true;
        }
    }

    /// Whether anybody wants what the encoder makes.
    pub(crate) fn set_sending(&mut self, sending: bool) {
        self.sending = sending;
        if let Some(share) = &self.share {
            share.handle.set_sending(sending);
            if let Some(sound) = &share.sound {
                sound.handle.set_sending(sending);
            }
        }
    }

    /// The screen's part of what the narrowest path takes for pictures, in bit/s, and the slowest round trip.
    pub(crate) fn handle_available(&mut self, now: Instant, available_bps: u64, rtt: Duration) {
        let Some(share) = &mut self.share else { return };
        // A key frame of a screen is large: who asks while it is under way has not seen it yet.
        let bits = self.encoder.key_frame_bytes() as f64 * 8.0;
        self.key_frames
            .set_rtt(rtt + Duration::from_secs_f64(bits / available_bps.max(START_BPS / 10) as f64));
        let target = as_target(share.ladder.handle_available(now, available_bps));
        if is_notable(share.target, target) {
            share.target = target;
            share.handle.set_target(target);
        }
    }

    /// What the sound is to be encoded with, if there is any.
    pub(crate) fn set_sound_target(&mut self, target: ScreenSoundTarget) {
        if let Some(sound) = self.share.as_mut().and_then(|share| share.sound.as_mut())
            && sound.target != target
        {
            sound.target = target;
            sound.handle.set_bitrate(target.bitrate_bps);
        }
    }

    /// Somebody cannot go on without a key frame of the screen.
    pub(crate) fn handle_key_frame_wish(&mut self) {
        if self.share.is_some() {
            self.key_frames.handle_request();
        }
    }

    /// Makes a key frame if one is due: one for all who ask at a time.
    pub(crate) fn make_key_frame(&mut self, now: Instant) {
        if self.key_frames.poll_key_frame(now)
            && let Some(share) = &self.share
        {
            share.handle.request_key_frame();
        }
    }

    /// When a key frame may be due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.key_frames.poll_timeout()
    }

    /// What the encoder did since this was last asked, and what the sound is encoded with, in bit/s.
    pub(crate) fn describe(&mut self, now: Instant) -> (SentStats, u64) {
        let target_bps = self.share.as_ref().map_or(0, |share| share.target.bitrate_bps);
        let sound = self.share.as_ref().and_then(|share| share.sound.as_ref());
        let sound_bps = sound.map_or(0, |sound| sound.target.bitrate_bps.into());
        (self.encoder.describe(now, target_bps), sound_bps)
    }

    /// A picture without sound is better than neither.
    fn start_sound(&self) -> Option<Sound> {
        let listener = self.sound_listener();
        let handle = match SystemSound::start(self.epoch, listener) {
            Ok(handle) => handle,
            Err(error) => {
                warn!(%error, "the screen is shared without sound");
                let event = ScreenEvent::Sound { on: false };
                tell(
                    &self.inner,
                    Inner::Screen { generation: self.generation.load(Ordering::Relaxed), event },
                );
                return None;
            }
        };
        let target = ScreenSoundLadder::default().target();
        handle.set_bitrate(target.bitrate_bps);
        handle.set_sending(self.sending);
        Some(Sound { handle, target })
    }

    fn listener(&self) -> impl Fn(ScreenShareEvent) + Send + 'static {
        let (media, inner, counters) = (self.media.clone(), self.inner.clone(), self.encoder.counters());
        let (generation, present) = (self.generation.load(Ordering::Relaxed), Arc::clone(&self.generation));
        let report = move |event| tell(&inner, Inner::Screen { generation, event });
        move |event| match event {
            ScreenShareEvent::Started => report(ScreenEvent::Started),
            ScreenShareEvent::Failed(error) => report(ScreenEvent::Failed(error)),
            ScreenShareEvent::Encoded(frame) if present.load(Ordering::Relaxed) == generation => {
                counters.on_frame(&frame);
                // Nobody may be connected yet.
                let _ = media.send(Media::Screen(frame));
            }
            ScreenShareEvent::Encoded(_) => {}
        }
    }

    fn sound_listener(&self) -> impl Fn(SystemSoundEvent) + Send + 'static {
        let (media, inner) = (self.media.clone(), self.inner.clone());
        let (generation, present) = (self.generation.load(Ordering::Relaxed), Arc::clone(&self.generation));
        let report = move |on| tell(&inner, Inner::Screen { generation, event: ScreenEvent::Sound { on } });
        move |event| match event {
            SystemSoundEvent::Started => report(true),
            SystemSoundEvent::Failed(_) => report(false),
            SystemSoundEvent::Encoded(packet) if present.load(Ordering::Relaxed) == generation => {
                // Nobody may be connected yet.
                let _ = media.send(Media::ScreenSound(packet));
            }
            SystemSoundEvent::Encoded(_) => {}
        }
    }
}
