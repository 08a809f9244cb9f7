use rand::RngExt as _;
use rand::rngs::StdRng;

use super::Moment;

/// Makes names for what is kept: UUIDs of version 7 (RFC 9562 section 5.7), whose text sorts by the time of their making.
/// Those of one millisecond are told apart by a counter (section 6.2, method 1), and those of two servers by chance.
#[derive(Debug)]
pub(super) struct Ids {
    rng: StdRng,
    last_ms: i64,
    /// Of those in `last_ms`; it has 12 bits.
    count: u16,
}

const MOST_IN_ONE_MS: u16 = 0xfff;

impl Ids {
    pub(super) fn new(rng: StdRng) -> Self {
        Self { rng, last_ms: 0, count: 0 }
    }

    /// Draws an id that sorts behind all that were drawn here, even if the clock is put back.
    pub(super) fn draw(&mut self, now: Moment) -> String {
        if now.as_ms() > self.last_ms {
            (self.last_ms, self.count) = (now.as_ms(), 0);
        } else if self.count < MOST_IN_ONE_MS {
            self.count += 1;
        } else {
            (self.last_ms, self.count) = (self.last_ms + 1, 0);
        }
        let mut tail: [u8; 10] = self.rng.random();
        [tail[0], tail[1]] = self.count.to_be_bytes();
        let ms = u64::try_from(self.last_ms).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(ms, &tail).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn they_sort_as_they_are_drawn_whatever_the_clock_does() {
        let mut ids = Ids::new(StdRng::seed_from_u64(1));
        let clock = [5, 5, 6, 3, 3, 7].into_iter().chain([7; 10_000]);
        let drawn: Vec<_> = clock.map(|ms| ids.draw(Moment::from_ms(1_700_000_000_000 + ms))).collect();
        assert!(drawn.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn they_are_uuids_of_version_7() {
        let id = Ids::new(StdRng::seed_from_u64(1)).draw(Moment::from_ms(0x0199_c3f2_8a61));
        let id: uuid::Uuid = id.parse().expect("a UUID");
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        assert!(id.to_string().starts_with("0199c3f2-8a61-7000-"), "{id}");
    }
}
