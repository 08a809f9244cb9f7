use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::resample::Resampler;
use super::{BLOCK_SAMPLES, Block, SAMPLE_RATE};
use crate::{DeviceError, DeviceErrorCode, DeviceKind};

/// Blocks between two updates of the header of a recording: half a second.
const FLUSH_BLOCKS: usize = 50;

/// A WAV file cannot say more in its header; 12 hours.
const MAX_RECORDED_BYTES: u32 = u32::MAX - 4096;

/// A WAV file (integer or float PCM, any rate and channels) as endless mono sound at 48 kHz: it starts over at its end.
pub(crate) struct WavLoop {
    path: PathBuf,
    reader: WavReader<BufReader<File>>,
    resampler: Resampler,
    /// Converted sound that is not given out yet.
    ready: Vec<f32>,
    /// The read piece before conversion, mono.
    piece: Vec<f32>,
}

impl WavLoop {
    pub(crate) fn open(path: &Path) -> Result<Self, DeviceError> {
        let failed = |reason: String| file_error(DeviceKind::Microphone, path, reason);
        let reader = WavReader::open(path).map_err(|error| failed(error.to_string()))?;
        let spec = reader.spec();
        if reader.duration() == 0 || spec.channels == 0 {
            return Err(failed("it holds no sound".to_owned()));
        }
        let resampler =
            Resampler::new(spec.sample_rate, SAMPLE_RATE).map_err(|error| failed(error.to_string()))?;
        Ok(Self { path: path.to_owned(), reader, resampler, ready: Vec::new(), piece: Vec::new() })
    }

    pub(crate) fn next_block(&mut self) -> Result<Block, DeviceError> {
        let mut block = [0.0; BLOCK_SAMPLES];
        while self.ready.len() < BLOCK_SAMPLES {
            self.read_piece()
                .map_err(|error| file_error(DeviceKind::Microphone, &self.path, error.to_string()))?;
            self.resampler.process(&self.piece, &mut self.ready);
        }
        block.copy_from_slice(&self.ready[..BLOCK_SAMPLES]);
        self.ready.drain(..BLOCK_SAMPLES);
        Ok(block)
    }

    /// Reads up to a block's worth of frames, mixed down; starts over at the end.
    fn read_piece(&mut self) -> Result<(), hound::Error> {
        self.piece.clear();
        let spec = self.reader.spec();
        let wanted = BLOCK_SAMPLES * usize::from(spec.channels);
        match spec.sample_format {
            SampleFormat::Float => {
                mix_down(self.reader.samples::<f32>().take(wanted), spec.channels, 1.0, &mut self.piece)?;
            }
            SampleFormat::Int => {
                let scale = 1.0 / (1_i64 << (spec.bits_per_sample - 1)) as f32;
                let samples = self.reader.samples::<i32>().take(wanted).map(|s| s.map(|s| s as f32));
                mix_down(samples, spec.channels, scale, &mut self.piece)?;
            }
        }
        if self.piece.len() < BLOCK_SAMPLES {
            self.reader.seek(0)?;
        }
        Ok(())
    }
}

fn mix_down(
    samples: impl Iterator<Item = Result<f32, hound::Error>>,
    channels: u16,
    scale: f32,
    mono: &mut Vec<f32>,
) -> Result<(), hound::Error> {
    let share = scale / f32::from(channels);
    let (mut sum, mut filled) = (0.0, 0);
    for sample in samples {
        sum += sample? * share;
        filled += 1;
        if filled == channels {
            mono.push(sum);
            (sum, filled) = (0.0, 0);
        }
    }
    Ok(())
}

/// Writes mono 16-bit sound at 48 kHz. The file is valid at any moment up to the last half second.
pub(crate) struct WavRecorder {
    path: PathBuf,
    writer: WavWriter<BufWriter<File>>,
    blocks: usize,
}

impl WavRecorder {
    pub(crate) fn create(path: &Path) -> Result<Self, DeviceError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let create = || {
            let mut writer = WavWriter::create(path, spec)?;
            writer.flush()?;
            Ok(writer)
        };
        let writer = create()
            .map_err(|error: hound::Error| file_error(DeviceKind::Speaker, path, error.to_string()))?;
        Ok(Self { path: path.to_owned(), writer, blocks: 0 })
    }

    pub(crate) fn write(&mut self, block: &Block) -> Result<(), DeviceError> {
        self.try_write(block).map_err(|error| file_error(DeviceKind::Speaker, &self.path, error.to_string()))
    }

    fn try_write(&mut self, block: &Block) -> Result<(), hound::Error> {
        if self.writer.len() > MAX_RECORDED_BYTES / 2 {
            return Err(hound::Error::TooWide);
        }
        for &sample in block {
            self.writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16)?;
        }
        self.blocks += 1;
        if self.blocks.is_multiple_of(FLUSH_BLOCKS) {
            self.writer.flush()?;
        }
        Ok(())
    }
}

fn file_error(kind: DeviceKind, path: &Path, reason: String) -> DeviceError {
    DeviceError::new(kind, DeviceErrorCode::File, format!("{}: {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, spec: WavSpec, frames: u32) {
        let mut writer = WavWriter::create(path, spec).expect("create");
        for n in 0..frames * u32::from(spec.channels) {
            let left = n.is_multiple_of(u32::from(spec.channels));
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(if left { 0.5_f32 } else { 0.0 }),
                SampleFormat::Int => {
                    writer.write_sample(if left { 1_i32 << (spec.bits_per_sample - 2) } else { 0 })
                }
            }
            .expect("write");
        }
        writer.finalize().expect("finalize");
    }

    #[test]
    fn formats_read_at_their_level_and_start_over_at_the_end() {
        let folder = tempfile::tempdir().expect("folder");
        for (channels, bits_per_sample, sample_format) in [
            (1, 16, SampleFormat::Int),
            (2, 16, SampleFormat::Int),
            (2, 32, SampleFormat::Float),
            (1, 24, SampleFormat::Int),
        ] {
            let path = folder.path().join(format!("{channels}-{bits_per_sample}.wav"));
            write(&path, WavSpec { channels, sample_rate: 48_000, bits_per_sample, sample_format }, 700);
            let mut wav = WavLoop::open(&path).expect("open");
            let level = 0.5 / f32::from(channels);
            for _ in 0..10 {
                let block = wav.next_block().expect("block");
                assert!(
                    block.iter().all(|sample| (sample - level).abs() < 1e-4),
                    "{channels} {bits_per_sample}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_sound_is_a_coded_error() {
        let folder = tempfile::tempdir().expect("folder");
        let garbage = folder.path().join("garbage.wav");
        std::fs::write(&garbage, b"RIFFgarbage").expect("write");
        let empty = folder.path().join("empty.wav");
        let spec = WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        write(&empty, spec, 0);
        for path in [garbage, empty, folder.path().join("missing.wav")] {
            let code = WavLoop::open(&path).err().map(|error| error.code);
            assert_eq!(code, Some(DeviceErrorCode::File), "{}", path.display());
        }
    }

    #[test]
    fn a_recording_that_was_never_closed_can_be_read() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("killed.wav");
        let mut recorder = WavRecorder::create(&path).expect("create");
        for _ in 0..FLUSH_BLOCKS + 3 {
            recorder.write(&[0.5; BLOCK_SAMPLES]).expect("write");
        }
        let reader = WavReader::open(&path).expect("readable while it is written");
        assert_eq!(reader.duration() as usize, FLUSH_BLOCKS * BLOCK_SAMPLES);
        assert!(reader.into_samples::<i16>().all(|sample| sample.is_ok_and(|s| (s - 16384).abs() <= 1)));
    }
}
