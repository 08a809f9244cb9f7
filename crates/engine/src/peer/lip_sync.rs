//! Keeps the far side's sound and picture in step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::trace;
use visavis_media::audio::{AudioStream, SAMPLE_RATE};
use visavis_media::sync::{MinimumDelays, Playout, Received, Synchronizer};
use visavis_media::video::VideoReceiver;

use super::chain::RemoteReports;

/// As often as the synchronizer wants to be told, and as the sound's statistics change.
const INTERVAL: Duration = Duration::from_millis(100);
/// How a stream is known to have paused: it has not moved for so long.
const STALE: Duration = Duration::from_millis(500);
const VIDEO_CLOCK_HZ: u32 = 90_000;

/// A stream whose first packet has come, with its SSRC.
pub(crate) enum Incoming {
    Audio(u32, Arc<AudioStream>),
    Video(u32, Arc<VideoReceiver>),
}

/// Runs until the connection is gone.
pub(crate) async fn run(mut incoming: mpsc::Receiver<Incoming>, reports: watch::Receiver<RemoteReports>) {
    let mut audio = None;
    let mut video = None;
    let mut synchronizer = Synchronizer::new(Instant::now());
    let mut delays = MinimumDelays::default();
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            stream = incoming.recv() => match stream {
                Some(Incoming::Audio(ssrc, stream)) => audio = Some((ssrc, stream)),
                Some(Incoming::Video(ssrc, receiver)) => video = Some((ssrc, receiver)),
                None => return,
            },
            _ = ticks.tick() => {
                let (Some((audio_ssrc, stream)), Some((video_ssrc, receiver))) = (&audio, &video) else { continue };
                let reports = reports.borrow().clone();
                let received = |ssrc: &u32, clock_hz: u32, playout: Option<Playout>| {
                    let playout = playout.filter(|playout| playout.at.elapsed() < STALE)?;
                    Some(Received { clock_hz, report: *reports.get(ssrc)?, playout })
                };
                let wanted = synchronizer.update(
                    received(audio_ssrc, SAMPLE_RATE, stream.stats().playout),
                    received(video_ssrc, VIDEO_CLOCK_HZ, receiver.stats().playout),
                );
                if wanted != delays {
                    trace!(?wanted, "lip-sync");
                    stream.set_minimum_delay(wanted.audio);
                    receiver.set_minimum_delay(wanted.video);
                    delays = wanted;
                }
            }
        }
    }
}
