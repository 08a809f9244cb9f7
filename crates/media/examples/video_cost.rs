//! Prints what a picture costs: drawing, converting, scaling, encoding and decoding, in milliseconds a picture, and the
//! quality that each speed of the encoder gives at the same bitrate.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::{Duration, Instant, SystemTime};

use visavis_media::video::convert::{MjpegDecoder, nv12_to_i420, yuyv_to_i420};
use visavis_media::video::marker::Marker;
use visavis_media::video::pattern::Pattern;
use visavis_media::video::vp8::{Decoder, Encoder, EncoderSettings};
use visavis_media::video::{Frame, Scaler, Size, VideoTarget};

const PICTURES: u32 = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (width, height, bitrate_bps) in [(640, 360, 600_000), (1280, 720, 1_500_000)] {
        let size = Size::new(width, height)?;
        println!("{width}x{height}");
        pixels(size)?;
        for cpu_used in [-4, -6, -8, -10, -12] {
            codec(size, bitrate_bps, cpu_used)?;
        }
    }
    Ok(())
}

fn pixels(size: Size) -> Result<(), Box<dyn std::error::Error>> {
    let pattern = Pattern::new(size);
    let now = Instant::now();
    let frame = pattern.render(1, now, SystemTime::now());
    let yuyv = vec![128; size.luma_len() * 2];
    let nv12 = frame.data().to_vec();
    let jpeg = jpeg(size)?;
    let half = Size::new(size.width() / 2, size.height() / 2)?;
    let (mut scaler, mut decoder) = (Scaler::default(), MjpegDecoder::new()?);
    report("draw", measure(|number| drop(pattern.render(number, now, SystemTime::now()))));
    report("read the marker", measure(|_| assert!(Marker::read(&frame).is_some())));
    report("YUYV", measure(|_| drop(yuyv_to_i420(size, &yuyv, now))));
    report("NV12", measure(|_| drop(nv12_to_i420(size, &nv12, now))));
    report("MJPEG", measure(|_| drop(decoder.decode(&jpeg, now))));
    report("scale to half", measure(|_| drop(scaler.scale(&frame, half))));
    Ok(())
}

fn codec(size: Size, bitrate_bps: u64, cpu_used: i32) -> Result<(), Box<dyn std::error::Error>> {
    let target =
        VideoTarget { bitrate_bps, frames_per_second: 15, width: size.width(), height: size.height() };
    let settings = EncoderSettings { cpu_used, ..EncoderSettings::default() };
    let (mut encoder, mut decoder) = (Encoder::new(settings, target), Decoder::new()?);
    let pattern = Pattern::new(size);
    let start = Instant::now();
    let (mut encoding, mut decoding, mut bytes, mut shown, mut error) =
        (Duration::ZERO, Duration::ZERO, 0, 0, 0.0);
    for number in 0..PICTURES {
        let captured = start + Duration::from_secs(1) * number / 15;
        let frame = noisy(pattern.render(number, captured, SystemTime::now()), number);
        let began = Instant::now();
        let encoded = encoder.encode(&frame)?;
        encoding += began.elapsed();
        let Some(encoded) = encoded else { continue };
        bytes += encoded.data.len();
        let began = Instant::now();
        let decoded = decoder.decode(&encoded.data, captured)?;
        decoding += began.elapsed();
        if let Some(decoded) = decoded {
            shown += 1;
            error += mean_square_error(&frame, &decoded);
        }
    }
    let psnr = 10.0 * (255.0 * 255.0 * f64::from(shown) / error).log10();
    println!(
        "  cpu-used {cpu_used:4}: encode {:6.3} ms, decode {:6.3} ms, {:5} kbit/s, {shown} of {PICTURES} shown, {psnr:.2} dB",
        milliseconds(encoding, PICTURES),
        milliseconds(decoding, shown),
        bytes * 8 * 15 / PICTURES as usize / 1000,
    );
    Ok(())
}

/// A camera's noise: the test picture alone is too easy.
fn noisy(mut frame: Frame, seed: u32) -> Frame {
    let mut state = u64::from(seed) * 2 + 1;
    for sample in frame.planes_mut()[0].iter_mut() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *sample = sample.saturating_add((state >> 62) as u8);
    }
    frame
}

fn mean_square_error(one: &Frame, other: &Frame) -> f64 {
    let pairs = one.planes()[0].iter().zip(other.planes()[0]);
    pairs.map(|(&one, &other)| f64::from(one.abs_diff(other)).powi(2)).sum::<f64>()
        / one.planes()[0].len() as f64
}

fn jpeg(size: Size) -> Result<Vec<u8>, turbojpeg::Error> {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let pixels: Vec<u8> = (0..width * height * 3).map(|index| (index / 7 % 256) as u8).collect();
    let image = turbojpeg::Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width * 3,
        height,
        format: turbojpeg::PixelFormat::RGB,
    };
    turbojpeg::compress(image, 80, turbojpeg::Subsamp::Sub2x1).map(|jpeg| jpeg.to_vec())
}

fn measure(mut work: impl FnMut(u32)) -> Duration {
    let began = Instant::now();
    (0..PICTURES).for_each(&mut work);
    began.elapsed()
}

fn report(what: &str, total: Duration) {
    println!("  {what:16}{:6.3} ms", milliseconds(total, PICTURES));
}

fn milliseconds(total: Duration, count: u32) -> f64 {
    total.as_secs_f64() * 1000.0 / f64::from(count.max(1))
}
