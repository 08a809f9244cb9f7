//! `camera-probe CAMERA SECONDS [WIDTHxHEIGHT@RATE]`: opens a camera as a call does, and prints what came, as one line of
//! JSON. With a size and a rate, the network takes that much after the first picture.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use visavis_media::video::marker::Marker;
use visavis_media::video::{VideoSource, VideoSourceEvent, VideoTarget};
use visavis_media::{CameraChoice, DeviceError};

/// How long a camera may take to its first picture, before the source itself gives up.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What came from a camera.
#[derive(Debug, Default, Serialize)]
struct Seen {
    /// The format that was agreed on, as V4L2 calls it.
    fourcc: Option<String>,
    width: u32,
    height: u32,
    /// Pictures from the first one on.
    frames: u32,
    seconds: f64,
    /// The sizes that were encoded, one after the other.
    encoded: Vec<(u32, u32)>,
    /// How often the source said that it starts.
    starts: u32,
    /// Longest time between two pictures, in milliseconds.
    longest_gap_ms: u128,
    /// Numbers in the pictures' markers, if they have one.
    numbers: Vec<u32>,
    error: Option<DeviceError>,
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(camera), Some(seconds), target, None) = (args.next(), args.next(), args.next(), args.next())
    else {
        bail!("usage: camera-probe CAMERA SECONDS [WIDTHxHEIGHT@RATE]")
    };
    let target = target.as_deref().map(parse_target).transpose()?;
    let choice: CameraChoice = camera.parse()?;
    let seconds: f64 = seconds.parse().context("a number of seconds is wanted")?;
    let duration = Duration::try_from_secs_f64(seconds)?;
    let seen = watch(choice, &camera, duration, target)?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&seen)?)?;
    Ok(())
}

fn parse_target(text: &str) -> anyhow::Result<VideoTarget> {
    let usage = "a target is WIDTHxHEIGHT@RATE";
    let (size, rate) = text.split_once('@').context(usage)?;
    let (width, height) = size.split_once('x').context(usage)?;
    Ok(VideoTarget {
        width: width.parse().context(usage)?,
        height: height.parse().context(usage)?,
        frames_per_second: rate.parse().context(usage)?,
        ..VideoTarget::default()
    })
}

/// Watches for so long after the first picture.
fn watch(
    choice: CameraChoice,
    id: &str,
    duration: Duration,
    target: Option<VideoTarget>,
) -> anyhow::Result<Seen> {
    let (sender, events) = channel();
    let source = VideoSource::spawn(move |event| {
        let _nobody_waits = sender.send(event);
    })?;
    source.set_sending(target.is_some());
    source.select(choice);
    let mut last = None;
    let mut seen = Seen::default();
    let mut first = None;
    let mut deadline = Instant::now() + START_TIMEOUT;
    loop {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(VideoSourceEvent::Preview(frame)) => {
                if first.is_none() {
                    let now = Instant::now();
                    first = Some(now);
                    deadline = now + duration;
                    seen.fourcc = fourcc(id);
                    (seen.width, seen.height) = (frame.width(), frame.height());
                    if let Some(target) = target {
                        source.set_target(target);
                    }
                }
                let now = Instant::now();
                let gap = last.replace(now).map_or(Duration::ZERO, |last| now - last);
                seen.longest_gap_ms = seen.longest_gap_ms.max(gap.as_millis());
                seen.frames += 1;
                seen.numbers.extend(Marker::read(&frame).map(|marker| marker.frame_number));
            }
            Ok(VideoSourceEvent::Failed(error)) => {
                seen.error = Some(error);
                break;
            }
            Ok(VideoSourceEvent::Encoded(frame)) => {
                let size = (frame.width, frame.height);
                if seen.encoded.last() != Some(&size) {
                    seen.encoded.push(size);
                }
            }
            Ok(VideoSourceEvent::Started) => seen.starts += 1,
            Ok(VideoSourceEvent::Limits(_) | VideoSourceEvent::Busy(_)) => {}
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => bail!("the video source ended"),
        }
    }
    seen.seconds = first.map_or(0.0, |first| first.elapsed().as_secs_f64());
    Ok(seen)
}

/// The present format of a camera that somebody has open.
#[cfg(target_os = "linux")]
fn fourcc(id: &str) -> Option<String> {
    let device = v4l::Device::new(id.parse().ok()?).ok()?;
    Some(v4l::video::Capture::format(&device).ok()?.fourcc.to_string())
}

#[cfg(not(target_os = "linux"))]
fn fourcc(_: &str) -> Option<String> {
    None
}
