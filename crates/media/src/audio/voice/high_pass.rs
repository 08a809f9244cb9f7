use sonora::high_pass_filter::HighPassFilter;

/// Takes out what is below 100 Hz, of one channel.
pub(super) struct HighPass {
    filter: HighPassFilter,
    sound: [Vec<f32>; 1],
}

impl HighPass {
    /// For 16, 32 or 48 kHz.
    pub(super) fn new(rate: u32) -> Self {
        Self { filter: HighPassFilter::new(rate as i32, 1), sound: [Vec::new()] }
    }

    pub(super) fn process(&mut self, samples: &mut [f32]) {
        let [sound] = &mut self.sound;
        sound.clear();
        sound.extend_from_slice(samples);
        self.filter.process_channels(&mut self.sound);
        samples.copy_from_slice(&self.sound[0]);
    }
}
