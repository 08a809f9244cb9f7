//! `camera-feed DEVICE yuyv|nv12|mjpeg`: plays the test picture, 640x360 at 15 frames a second, into a loopback camera
//! (v4l2loopback) until it is ended. Writes a line to standard output when the camera is ready.
//!
//! The pictures are numbered from 0 to 15, over and over: they are packed ahead, so that they come in time on a slow
//! machine, too.

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("loopback cameras are a thing of Linux")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Write;
    use std::thread;
    use std::time::{Duration, Instant, SystemTime};

    use anyhow::{Context, bail};
    use v4l::video::Output;
    use v4l::video::output::Parameters;
    use v4l::{Device, Format, FourCC};
    use visavis_media::video::Size;
    use visavis_media::video::pattern::Pattern;
    use visavis_testkit::{Packer, Packing};

    const WIDTH: u32 = 640;
    const HEIGHT: u32 = 360;
    const FRAMES_PER_SECOND: u32 = 15;
    const PICTURES: u32 = 16;

    pub(crate) fn main() -> anyhow::Result<()> {
        let mut args = std::env::args().skip(1);
        let (Some(path), Some(packing), None) = (args.next(), args.next(), args.next()) else {
            bail!("usage: camera-feed DEVICE yuyv|nv12|mjpeg")
        };
        let packing: Packing = packing.parse()?;
        let mut device = Device::with_path(&path).with_context(|| format!("cannot open {path}"))?;
        let wanted = Format::new(WIDTH, HEIGHT, FourCC::new(&packing.fourcc()));
        let format = device.set_format(&wanted).context("the device refuses the format")?;
        if (format.width, format.height, format.fourcc) != (wanted.width, wanted.height, wanted.fourcc) {
            bail!("the device wants {format}");
        }
        device.set_params(&Parameters::with_fps(FRAMES_PER_SECOND)).context("the device refuses the rate")?;

        let pattern = Pattern::new(Size::new(WIDTH, HEIGHT)?);
        let mut packer = Packer::new(packing)?;
        let pictures = (0..PICTURES)
            .map(|number| packer.pack(&pattern.render(number, Instant::now(), SystemTime::now())))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let begin = Instant::now();
        for (number, picture) in (0..).zip(pictures.iter().cycle()) {
            thread::sleep((begin + Duration::from_secs(1) * number / FRAMES_PER_SECOND) - Instant::now());
            if device.write(picture).context("the device takes no picture")? < picture.len() {
                bail!("the device takes no whole picture");
            }
            if number == 0 {
                writeln!(std::io::stdout(), "{path} is ready")?;
            }
        }
        Ok(())
    }
}
