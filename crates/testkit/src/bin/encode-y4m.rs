//! `encode-y4m FILE.y4m BITRATE_BPS`: encodes the pictures of a file as a call would, as fast as it can, and says how
//! many bytes came out. For comparing the cost with other encoders.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use visavis_media::video::VideoTarget;
use visavis_media::video::vp8::{Encoder, EncoderSettings};
use visavis_media::video::y4m::Y4mReader;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(Ok(bitrate_bps))) = (arguments.next(), arguments.next().map(|text| text.parse()))
    else {
        eprintln!("usage: encode-y4m FILE.y4m BITRATE_BPS");
        return ExitCode::FAILURE;
    };
    match encode(&PathBuf::from(path), bitrate_bps) {
        Ok((frames, bytes)) => {
            eprintln!("{frames} frames, {bytes} bytes");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("encode-y4m: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Frames and bytes that came out.
fn encode(path: &std::path::Path, bitrate_bps: u64) -> Result<(usize, usize), Box<dyn std::error::Error>> {
    let mut reader = Y4mReader::open(path)?;
    let (size, interval) = (reader.size(), reader.interval());
    let rate = (Duration::from_secs(1).as_micros() / interval.as_micros().max(1)) as u32;
    let target =
        VideoTarget { bitrate_bps, frames_per_second: rate, width: size.width(), height: size.height() };
    let mut encoder = Encoder::new(EncoderSettings::default(), target);
    // The reader begins anew at the end of the file, so the length is asked of the file.
    let pictures =
        std::fs::metadata(path)?.len() / (u64::from(size.width()) * u64::from(size.height()) * 3 / 2);
    let start = Instant::now();
    let (mut frames, mut bytes) = (0, 0);
    for index in 0..pictures {
        let frame = reader.read(start + interval * u32::try_from(index)?)?;
        if let Some(encoded) = encoder.encode(&frame)? {
            frames += 1;
            bytes += encoded.data.len();
        }
    }
    Ok((frames, bytes))
}
