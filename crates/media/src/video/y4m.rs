//! YUV4MPEG2 files: pictures without compression, for files as a camera and for recordings.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Frame, Scaler, Size};
use crate::{DeviceError, DeviceErrorCode, DeviceKind};

/// Longest header line that is read; real ones have about 60 bytes.
const MAX_HEADER: u64 = 1024;

const SIGNATURE: &str = "YUV4MPEG2";
const FRAME: &str = "FRAME";

/// Slowest and fastest rate that is played, in pictures a second.
const SLOWEST: f64 = 0.5;
const FASTEST: f64 = 240.0;

/// Reads pictures from a file, from the start again when it ends.
pub struct Y4mReader<R = BufReader<File>> {
    source: R,
    size: Size,
    interval: Duration,
    first_frame: u64,
}

impl Y4mReader {
    /// Opens a file of 4:2:0 pictures with 8 bits. Fails with [`DeviceErrorCode::File`].
    pub fn open(path: &Path) -> Result<Self, DeviceError> {
        File::open(path)
            .and_then(|file| Self::new(BufReader::new(file)))
            .map_err(|error| file_error(path, &error))
    }
}

impl<R: BufRead + Seek> Y4mReader<R> {
    pub fn new(mut source: R) -> io::Result<Self> {
        let header = read_line(&mut source)?.unwrap_or_default();
        let mut fields = header.split(' ');
        if fields.next() != Some(SIGNATURE) {
            return Err(invalid("not a YUV4MPEG2 file"));
        }
        let (mut width, mut height, mut interval) = (0, 0, Duration::from_secs(1) / 15);
        for field in fields.filter(|field| !field.is_empty()) {
            let (tag, value) = field.split_at(field.chars().next().map_or(0, char::len_utf8));
            match tag {
                "W" => width = value.parse().map_err(|_| invalid("unreadable width"))?,
                "H" => height = value.parse().map_err(|_| invalid("unreadable height"))?,
                "F" => interval = parse_interval(value).ok_or_else(|| invalid("unreadable frame rate"))?,
                "C" if !is_8_bit_420(value) => return Err(invalid("only 4:2:0 with 8 bits is understood")),
                _ => {}
            }
        }
        let size = Size::new(width, height).map_err(|error| invalid(&error.to_string()))?;
        let first_frame = source.stream_position()?;
        Ok(Self { source, size, interval, first_frame })
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// Time from one picture to the next.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The next picture, or the first one after the last. A file without a whole picture is an error.
    pub fn read(&mut self, captured: Instant) -> io::Result<Frame> {
        if let Some(frame) = self.read_once(captured)? {
            return Ok(frame);
        }
        self.source.seek(SeekFrom::Start(self.first_frame))?;
        self.read_once(captured)?.ok_or_else(|| invalid("no picture in the file"))
    }

    /// `None` at the end, which may be in the middle of a picture that was cut off.
    fn read_once(&mut self, captured: Instant) -> io::Result<Option<Frame>> {
        let Some(line) = read_line(&mut self.source)? else { return Ok(None) };
        if line != FRAME && !line.starts_with("FRAME ") {
            return Err(invalid("a picture does not start where it should"));
        }
        let mut data = vec![0; self.size.i420_len()];
        match self.source.read_exact(&mut data) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        Frame::from_i420(self.size.width(), self.size.height(), data, captured)
            .map(Some)
            .map_err(|error| invalid(&error.to_string()))
    }
}

/// Writes pictures to a file. The first one fixes the size; others are scaled to it.
pub struct Y4mWriter<W: Write = BufWriter<File>> {
    target: W,
    frames_per_second: u32,
    size: Option<Size>,
    has_header: bool,
    scaler: Scaler,
}

impl Y4mWriter {
    /// Creates or empties the file, for pictures of this size or else of the first one's. Fails with
    /// [`DeviceErrorCode::File`].
    pub fn create(path: &Path, frames_per_second: u32, size: Option<Size>) -> Result<Self, DeviceError> {
        let file = File::create(path).map_err(|error| file_error(path, &error))?;
        Ok(Self::new(BufWriter::new(file), frames_per_second, size))
    }
}

impl<W: Write> Y4mWriter<W> {
    pub fn new(target: W, frames_per_second: u32, size: Option<Size>) -> Self {
        Self { target, frames_per_second, size, has_header: false, scaler: Scaler::default() }
    }

    pub fn write(&mut self, frame: &Arc<Frame>) -> io::Result<()> {
        let size = *self.size.get_or_insert(frame.size());
        if !self.has_header {
            let (width, height, rate) = (size.width(), size.height(), self.frames_per_second);
            writeln!(self.target, "{SIGNATURE} W{width} H{height} F{rate}:1 Ip A1:1 C420mpeg2")?;
            self.has_header = true;
        }
        writeln!(self.target, "{FRAME}")?;
        if frame.size() == size {
            self.target.write_all(frame.data())
        } else {
            self.target.write_all(self.scaler.scale(frame, size).data())
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

/// The error of a file that stands for a camera or a recording.
pub fn file_error(path: &Path, error: &io::Error) -> DeviceError {
    let message = format!("{}: {error}", path.display());
    DeviceError::new(DeviceKind::Camera, DeviceErrorCode::File, message)
}

/// A line without its end; `None` at the end of the file.
fn read_line(source: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    source.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => String::from_utf8(line).map(Some).map_err(|_| invalid("a header is no text")),
        Some(_) => Err(invalid("a header does not end")),
    }
}

/// `420`, `420jpeg`, `420mpeg2`, `420paldv`, but not `420p10`.
fn is_8_bit_420(colour_space: &str) -> bool {
    colour_space.strip_prefix("420").is_some_and(|variant| !variant.starts_with('p') || variant == "paldv")
}

fn parse_interval(rate: &str) -> Option<Duration> {
    let (frames, seconds) = rate.split_once(':')?;
    let rate = f64::from(frames.parse::<u32>().ok()?) / f64::from(seconds.parse::<u32>().ok()?);
    rate.is_finite().then(|| Duration::from_secs_f64(1.0 / rate.clamp(SLOWEST, FASTEST)))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn flat(width: u32, height: u32, luma: u8) -> Arc<Frame> {
        let mut frame = Frame::black(Size::new(width, height).expect("size"), Instant::now());
        frame.planes_mut()[0].fill(luma);
        Arc::new(frame)
    }

    fn read(bytes: &[u8]) -> io::Result<Y4mReader<Cursor<&[u8]>>> {
        Y4mReader::new(Cursor::new(bytes))
    }

    #[test]
    fn what_is_written_is_read_and_starts_over_at_the_end() {
        for (width, height) in [(32, 18), (33, 17)] {
            let mut file = Vec::new();
            let mut writer = Y4mWriter::new(&mut file, 15, None);
            for luma in [50, 100, 150] {
                writer.write(&flat(width, height, luma)).expect("writes");
            }
            drop(writer);
            let mut reader = read(&file).expect("opens");
            assert_eq!(reader.interval().as_micros(), 66_666);
            for luma in [50, 100, 150, 50, 100] {
                let frame = reader.read(Instant::now()).expect("reads");
                assert_eq!((frame.width(), frame.height(), frame.data()[0]), (width, height, luma));
            }
        }
    }

    #[test]
    fn all_pictures_have_the_size_that_is_wanted_or_else_the_first_ones() {
        let big = Size::new(128, 72).expect("size");
        for (wanted, width, height) in [(None, 32, 18), (Some(big), 128, 72)] {
            let mut file = Vec::new();
            let mut writer = Y4mWriter::new(&mut file, 30, wanted);
            writer.write(&flat(32, 18, 60)).expect("writes");
            writer.write(&flat(64, 36, 90)).expect("writes");
            drop(writer);
            let mut reader = read(&file).expect("opens");
            for luma in [60, 90] {
                let frame = reader.read(Instant::now()).expect("reads");
                assert_eq!((frame.width(), frame.height(), frame.data()[0]), (width, height, luma));
            }
        }
    }

    #[test]
    fn a_cut_off_last_picture_is_left_out() {
        let mut file = Vec::new();
        let mut writer = Y4mWriter::new(&mut file, 15, None);
        for luma in [50, 100] {
            writer.write(&flat(32, 18, luma)).expect("writes");
        }
        drop(writer);
        file.truncate(file.len() - 1);
        let mut reader = read(&file).expect("opens");
        let read: Vec<u8> = (0..3).map(|_| reader.read(Instant::now()).expect("reads").data()[0]).collect();
        assert_eq!(read, [50, 50, 50]);
    }

    #[test]
    fn headers_of_other_programs_are_understood() {
        let mut file =
            b"YUV4MPEG2 W2 H2 F30000:1001 Ip A128:117 C420jpeg XYSCSS=420JPEG\nFRAME Ip\n".to_vec();
        file.extend([1, 2, 3, 4, 5, 6]);
        let mut reader = read(&file).expect("opens");
        assert_eq!(reader.interval().as_micros(), 33_366);
        assert_eq!(reader.read(Instant::now()).expect("reads").data(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_is_no_such_file_is_an_error() {
        for bad in [
            &b""[..],
            b"RIFF",
            b"YUV4MPEG2 W2 H2 F15:1",
            b"YUV4MPEG2 W0 H2 F15:1\n",
            b"YUV4MPEG2 Wx H2 F15:1\n",
            b"YUV4MPEG2 W999999 H999999 F15:1\n",
            b"YUV4MPEG2 W2 H2 F15:0\n",
            b"YUV4MPEG2 W2 H2 F0:0\n",
            b"YUV4MPEG2 W2 H2 F15:1 C444\n",
            b"YUV4MPEG2 W2 H2 F15:1 C420p10\n",
            b"YUV4MPEG2 W2 H2 F15:1 \xff\n",
        ] {
            assert!(read(bad).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
        for bad in [
            &b"YUV4MPEG2 W2 H2 F15:1\n"[..],
            b"YUV4MPEG2 W2 H2 F15:1\nFRAME\n1",
            b"YUV4MPEG2 W2 H2 F15:1\nx\n",
        ] {
            assert!(read(bad).expect("header").read(Instant::now()).is_err());
        }
        let error = Y4mReader::open(Path::new("/nonexistent.y4m")).err().expect("no such file");
        assert_eq!((error.kind, error.code), (DeviceKind::Camera, DeviceErrorCode::File));
    }
}
