//! The source as its owner uses it, with all that makes pictures without a device.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::*;
use crate::DeviceErrorCode;
use crate::video::Size;
use crate::video::marker::Marker;
use crate::video::vp8::Decoder;
use crate::video::y4m::Y4mWriter;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Bench {
    source: VideoSource,
    events: Receiver<VideoSourceEvent>,
}

impl Bench {
    fn new() -> Self {
        let (sender, events) = mpsc::channel();
        let source = VideoSource::spawn(move |event| drop(sender.send(event))).expect("thread");
        Self { source, events }
    }

    /// The first event from now on that the filter takes.
    fn wait<T: Debug>(&self, filter: impl Fn(VideoSourceEvent) -> Option<T>) -> T {
        std::iter::from_fn(|| self.events.recv_timeout(PATIENCE).ok())
            .find_map(filter)
            .expect("the event comes")
    }

    fn started(&self) {
        self.wait(|event| matches!(event, VideoSourceEvent::Started).then_some(()));
    }

    fn failed(&self) -> DeviceErrorCode {
        self.wait(|event| if let VideoSourceEvent::Failed(error) = event { Some(error.code) } else { None })
    }

    fn preview(&self) -> Arc<Frame> {
        self.wait(|event| if let VideoSourceEvent::Preview(frame) = event { Some(frame) } else { None })
    }

    fn encoded(&self) -> Arc<EncodedFrame> {
        self.wait(|event| if let VideoSourceEvent::Encoded(frame) = event { Some(frame) } else { None })
    }
}

fn frame_number(frame: &Frame) -> u32 {
    Marker::read(frame).expect("a marker").frame_number
}

#[test]
fn the_pattern_is_shown_and_sent() {
    let bench = Bench::new();
    bench.source.set_sending(true);
    bench.source.select(CameraChoice::Pattern);
    bench.started();
    let mut decoder = Decoder::new().expect("decoder");
    let mut last = None;
    for index in 0..5 {
        let encoded = bench.encoded();
        assert_eq!(encoded.key, index == 0);
        let decoded = decoder.decode(&encoded.data, Instant::now()).expect("decodes").expect("shown");
        let preview = bench.preview();
        assert_eq!(frame_number(&decoded), frame_number(&preview), "the preview follows its encoding");
        assert!(last < Some(frame_number(&preview)));
        last = Some(frame_number(&preview));
    }
}

#[test]
fn nothing_is_encoded_until_it_is_wanted() {
    let bench = Bench::new();
    bench.source.select(CameraChoice::Pattern);
    for _ in 0..5 {
        let event = bench.events.recv_timeout(PATIENCE).expect("an event");
        assert!(!matches!(event, VideoSourceEvent::Encoded(_)));
    }
    bench.source.set_sending(true);
    assert!(bench.encoded().key);
    assert!(!bench.encoded().key);
    bench.source.request_key_frame();
    let key = bench.wait(|event| match event {
        VideoSourceEvent::Encoded(frame) if frame.key => Some(frame),
        VideoSourceEvent::Encoded(_)
        | VideoSourceEvent::Preview(_)
        | VideoSourceEvent::Limits(_)
        | VideoSourceEvent::Busy(_)
        | VideoSourceEvent::Started
        | VideoSourceEvent::Failed(_) => None,
    });
    assert_eq!((key.width, key.height), (640, 360));
}

#[test]
fn the_size_follows_the_target_and_the_preview_does_not() {
    let bench = Bench::new();
    bench.source.set_sending(true);
    bench.source.set_target(VideoTarget { width: 320, height: 320, ..VideoTarget::default() });
    bench.source.select(CameraChoice::Pattern);
    let encoded = bench.encoded();
    assert_eq!((encoded.width, encoded.height), (320, 180));
    assert_eq!(bench.preview().size(), Size::new(640, 360).expect("size"));
}

#[test]
fn switching_off_closes_and_switching_on_starts_anew() {
    let bench = Bench::new();
    bench.source.select(CameraChoice::Pattern);
    bench.started();
    while frame_number(&bench.preview()) < 3 {}
    bench.source.set_enabled(false);
    bench.source.set_enabled(true);
    bench.started();
    assert!(frame_number(&bench.preview()) < 3);
}

#[test]
fn a_file_is_played_over_and_over() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("clip.y4m");
    let mut writer = Y4mWriter::create(&path, 120, None).expect("creates");
    for luma in [60, 120, 180] {
        let mut frame = Frame::black(Size::new(64, 36).expect("size"), Instant::now());
        frame.planes_mut()[0].fill(luma);
        writer.write(&Arc::new(frame)).expect("writes");
    }
    writer.flush().expect("writes");

    let bench = Bench::new();
    bench.source.select(CameraChoice::File(path));
    let mut seen = Vec::new();
    while seen.len() < 5 || !seen[3..].contains(&60) {
        seen.push(bench.preview().data()[0]);
    }
    assert!(seen.iter().all(|luma| [60, 120, 180].contains(luma)));
}

#[test]
fn what_is_missing_fails_and_another_choice_recovers() {
    let bench = Bench::new();
    bench.source.select(CameraChoice::File(PathBuf::from("/nonexistent/clip.y4m")));
    assert_eq!(bench.failed(), DeviceErrorCode::File);
    bench.source.select(CameraChoice::Device("no such camera".to_owned()));
    assert_eq!(bench.failed(), DeviceErrorCode::NotFound);
    bench.source.set_enabled(true);
    assert_eq!(bench.failed(), DeviceErrorCode::NotFound, "enabling is a new try");
    bench.source.select(CameraChoice::Pattern);
    bench.started();
}

#[cfg(unix)]
#[test]
fn a_source_that_hangs_is_reported_and_left_behind() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("never-written.y4m");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    let bench = Bench::new();
    bench.source.select(CameraChoice::File(path));
    assert_eq!(bench.failed(), DeviceErrorCode::Stalled);
    bench.source.select(CameraChoice::Pattern);
    bench.started();
}

#[test]
fn dropping_the_handle_ends_everything() {
    let Bench { source, events } = Bench::new();
    source.select(CameraChoice::Pattern);
    events.recv_timeout(PATIENCE).expect("runs");
    drop(source);
    let end = std::iter::repeat_with(|| events.recv_timeout(PATIENCE)).find_map(Result::err);
    assert_eq!(end, Some(RecvTimeoutError::Disconnected));
}
