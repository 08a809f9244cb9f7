//! The moving test picture: colour bars over a grey ramp, a ball that bounces, a line that sweeps, and the [`Marker`].

use std::f32::consts::TAU;
use std::time::{Instant, SystemTime};

use super::marker::Marker;
use super::{Frame, Size};

/// 75 % bars in BT.601 (Y, U, V): white, yellow, cyan, green, magenta, red, blue.
const BARS: [[u8; 3]; 7] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
];
const BALL: [u8; 3] = [210, 80, 170];
const LINE: [u8; 3] = [235, 128, 128];

/// Frames in one sweep of the line, and in the ball's horizontal and vertical period: 6, 8 and 3 s at 15 frames a
/// second.
const SWEEP_FRAMES: u32 = 90;
const BALL_FRAMES: [u32; 2] = [120, 45];

/// Draws the test picture at one size.
pub struct Pattern {
    background: Frame,
}

impl Pattern {
    pub fn new(size: Size) -> Self {
        Self { background: background(size) }
    }

    /// Picture number `frame_number`, marked as sent at `sent_at`.
    pub fn render(&self, frame_number: u32, captured: Instant, sent_at: SystemTime) -> Frame {
        let mut frame = self.background.at(captured);
        draw_line(&mut frame, frame_number);
        draw_ball(&mut frame, frame_number);
        Marker::new(frame_number, sent_at).write(&mut frame);
        frame
    }
}

fn background(size: Size) -> Frame {
    let mut frame = Frame::black(size, Instant::now());
    let bars_height = size.height() as usize * 3 / 4;
    let scales = [1, 2, 2];
    for (plane, (samples, scale)) in frame.planes_mut().into_iter().zip(scales).enumerate() {
        let width = (size.width() as usize).div_ceil(scale);
        for (y, line) in samples.chunks_exact_mut(width).enumerate() {
            for (x, sample) in line.iter_mut().enumerate() {
                *sample = if y * scale < bars_height {
                    BARS[x * BARS.len() / width][plane]
                } else if plane == 0 {
                    (16 + x * 219 / width) as u8
                } else {
                    128
                };
            }
        }
    }
    frame
}

fn draw_line(frame: &mut Frame, frame_number: u32) {
    let size = frame.size();
    let width = size.width() as usize;
    let thickness = (width / 160).max(2);
    let x = (frame_number % SWEEP_FRAMES) as usize * width / SWEEP_FRAMES as usize;
    for y in 0..size.height() as usize {
        fill_span(frame, y, x, (x + thickness).min(width), LINE);
    }
}

fn draw_ball(frame: &mut Frame, frame_number: u32) {
    let (width, height) = (frame.width() as f32, frame.height() as f32);
    let radius = height / 10.0;
    let [phase_x, phase_y] = BALL_FRAMES.map(|period| (frame_number % period) as f32 / period as f32 * TAU);
    let centre_x = width / 2.0 + (width / 2.0 - radius).max(0.0) * phase_x.sin();
    let centre_y = height * 0.6 + height * 0.25 * phase_y.cos();
    let top = (centre_y - radius).max(0.0) as usize;
    let bottom = ((centre_y + radius).ceil() as usize).min(frame.height() as usize);
    for y in top..bottom {
        let half = (radius.powi(2) - (y as f32 - centre_y).powi(2)).max(0.0).sqrt();
        let (left, right) = ((centre_x - half).max(0.0), (centre_x + half).min(width));
        fill_span(frame, y, left as usize, right as usize, BALL);
    }
}

fn fill_span(frame: &mut Frame, y: usize, left: usize, right: usize, colour: [u8; 3]) {
    let size = frame.size();
    let scales = [1, 2, 2];
    for ((samples, scale), value) in frame.planes_mut().into_iter().zip(scales).zip(colour) {
        let width = (size.width() as usize).div_ceil(scale);
        samples[y / scale * width..][left / scale..right / scale].fill(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_marked_and_differs_from_the_one_before() {
        for (width, height) in [(640, 360), (320, 180), (161, 91)] {
            let pattern = Pattern::new(Size::new(width, height).expect("size"));
            let (now, sent_at) = (Instant::now(), SystemTime::now());
            let below_marker =
                |frame: &Frame| frame.planes()[0][width as usize * (height / 6 + 3) as usize..].to_vec();
            let mut previous = below_marker(&pattern.render(0, now, sent_at));
            for number in 1..200 {
                let frame = pattern.render(number, now, sent_at);
                assert_eq!(Marker::read(&frame), Some(Marker::new(number, sent_at)));
                let moved = below_marker(&frame);
                assert_ne!(moved, previous, "{width}x{height} picture {number}");
                previous = moved;
            }
        }
    }

    #[test]
    fn the_smallest_picture_can_be_drawn() {
        let pattern = Pattern::new(Size::new(1, 1).expect("size"));
        assert_eq!(pattern.render(7, Instant::now(), SystemTime::now()).data().len(), 3);
    }
}
