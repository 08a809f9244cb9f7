//! What the tests of whole programs need and nobody else: a camera's pixels, and two programs around them, `camera-feed`
//! and `camera-probe`. The tests themselves are in `tests/`.

mod packing;

pub use packing::{Packer, Packing};
