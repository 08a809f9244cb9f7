//! Durations in a configuration: seconds, as a number.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserializer, Serializer};

/// 31 years; a time that far from now can still be named.
const MOST: f64 = 1e9;

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let duration = or_none::deserialize(deserializer)?;
    if duration.is_zero() {
        return Err(D::Error::custom("0 is no number of seconds to wait"));
    }
    Ok(duration)
}

/// A duration that may be zero.
pub(super) mod or_none {
    pub(in super::super) use super::serialize;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer};

    use super::{Duration, MOST};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|duration| duration.as_secs_f64() <= MOST)
            .ok_or_else(|| D::Error::custom(format!("{seconds} is no number of seconds to wait")))
    }
}
