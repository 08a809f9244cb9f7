use std::time::Duration;

use sonora::three_band_filter_bank::ThreeBandFilterBank;
use sonora_aec3::block::Block as BandBlock;
use sonora_aec3::block_framer::BlockFramer;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::common::{FRAME_SIZE, SUB_FRAME_LENGTH};
use sonora_aec3::config::EchoCanceller3Config;
use sonora_aec3::frame_blocker::FrameBlocker;

use super::high_pass::HighPass;
use crate::audio::{Block, SAMPLE_RATE, SILENCE};

/// 48 kHz are three bands of 16 kHz.
const BANDS: usize = 3;
const BAND_RATE: u32 = SAMPLE_RATE / BANDS as u32;

/// Its numbers are those of 16-bit samples.
const SCALE: f32 = 32_768.0;

/// How much later the voice comes: the bands, the blocks and the overlap of the suppressor. A test measures it.
pub(super) const LATENCY: Duration = Duration::from_millis(8);

/// What a converter gives when it can give no more.
const SATURATED: f32 = 32_700.0;

/// What the filters span, in blocks of 4 ms: longer ones learn too slowly for clocks that drift.
const FILTER_BLOCKS: usize = 16;

/// For how long the near side is taken to speak on, in blocks.
const NEAR_HOLD_BLOCKS: i32 = 100;

type Bands = [[f32; FRAME_SIZE]; BANDS];

/// Takes what the speaker plays out of what the microphone hears: WebRTC's AEC3, in mono.
pub(super) struct Canceller {
    render: Input,
    capture: Input,
    output: BlockFramer,
    sub_frame: Vec<Vec<Vec<f32>>>,
    synthesis: ThreeBandFilterBank,
    processor: BlockProcessor,
}

/// How the canceller weighs an echo against who speaks over it. As it comes it takes both: what one of its filters learns
/// is upset by a voice at once, and neither is trusted with more than 6 dB. `bench echo` measures what is kept of the
/// voice; the tests in `tests/voice.rs` hold what is left of the echo.
fn tuning() -> EchoCanceller3Config {
    let mut config = EchoCanceller3Config::default();
    (config.filter.refined.length_blocks, config.filter.coarse.length_blocks) =
        (FILTER_BLOCKS, FILTER_BLOCKS);
    config.filter.coarse.rate = 0.5;
    (config.erle.max_l, config.erle.max_h) = (12.0, 3.0);
    config.ep_strength.nearend_len = 0.5;
    config.suppressor.nearend_tuning.mask_lf.enr_transparent = 0.3;
    config.suppressor.dominant_nearend_detection.hold_duration = NEAR_HOLD_BLOCKS;
    config
}

/// One signal, cut into bands and blocks of 4 ms.
struct Input {
    analysis: ThreeBandFilterBank,
    blocker: FrameBlocker,
    block: BandBlock,
    /// Of the lowest band.
    high_pass: Option<HighPass>,
}

impl Canceller {
    pub(super) fn new() -> Self {
        Self {
            render: Input::new(),
            capture: Input::new(),
            output: BlockFramer::new(BANDS, 1),
            sub_frame: vec![vec![vec![0.0; SUB_FRAME_LENGTH]]; BANDS],
            synthesis: ThreeBandFilterBank::new(),
            processor: BlockProcessor::new(&tuning(), SAMPLE_RATE as usize, 1, 1),
        }
    }

    /// Whether rumble was taken out of the voice already: the canceller learns less well with it, and takes it out itself.
    pub(super) fn set_rumble_gone(&mut self, is_gone: bool) {
        if is_gone {
            self.capture.high_pass = None;
        } else if self.capture.high_pass.is_none() {
            self.capture.high_pass = Some(HighPass::new(BAND_RATE));
        }
    }

    /// Where the echo may be, before it was found.
    pub(super) fn set_expected_delay(&mut self, delay: Duration) {
        self.processor.set_audio_buffer_delay(delay.as_millis() as i32);
    }

    /// Processes 10 ms of the microphone, with what was played as its reference.
    pub(super) fn process(&mut self, reference: &Block, block: &mut Block) {
        let saturated = block.iter().any(|sample| (sample * SCALE).abs() >= SATURATED);
        let processor = &mut self.processor;
        self.render.take(reference, |_, rendered| processor.buffer_render(rendered));

        let mut output: Bands = [[0.0; FRAME_SIZE]; BANDS];
        let (framer, sub_frame) = (&mut self.output, &mut self.sub_frame);
        self.capture.take(block, |place, captured| {
            processor.process_capture(false, saturated, None, captured);
            match place {
                Place::SubFrame(from) => {
                    framer.insert_block_and_extract_sub_frame(captured, sub_frame);
                    for (band, heard) in output.iter_mut().zip(sub_frame.iter()) {
                        band[from..from + SUB_FRAME_LENGTH].copy_from_slice(&heard[0]);
                    }
                }
                Place::Left => framer.insert_block(captured),
            }
        });
        self.synthesis.synthesis(&output, block);
        block.iter_mut().for_each(|sample| *sample /= SCALE);
    }

    /// How long after its reference the echo is.
    pub(super) fn delay(&self) -> Option<Duration> {
        u64::try_from(self.processor.get_metrics().delay_ms).ok().map(Duration::from_millis)
    }
}

/// Where a block belongs in the 10 ms that it was taken from: sub-frames are longer than blocks, so every second 10 ms
/// there is one left.
enum Place {
    SubFrame(usize),
    Left,
}

impl Input {
    fn new() -> Self {
        Self {
            analysis: ThreeBandFilterBank::new(),
            blocker: FrameBlocker::new(BANDS, 1),
            block: BandBlock::new(BANDS, 1),
            high_pass: None,
        }
    }

    fn take(&mut self, sound: &Block, mut each: impl FnMut(Place, &mut BandBlock)) {
        let mut scaled = SILENCE;
        scaled.iter_mut().zip(sound).for_each(|(scaled, sample)| *scaled = sample * SCALE);
        let mut bands: Bands = [[0.0; FRAME_SIZE]; BANDS];
        self.analysis.analysis(&scaled, &mut bands);
        if let Some(high_pass) = &mut self.high_pass {
            high_pass.process(&mut bands[0]);
        }
        for from in (0..FRAME_SIZE).step_by(SUB_FRAME_LENGTH) {
            let sub_frame = bands.each_ref().map(|band| vec![&band[from..from + SUB_FRAME_LENGTH]]);
            self.blocker.insert_sub_frame_and_extract_block(&sub_frame, &mut self.block);
            each(Place::SubFrame(from), &mut self.block);
        }
        if self.blocker.is_block_available() {
            self.blocker.extract_block(&mut self.block);
            each(Place::Left, &mut self.block);
        }
    }
}
