//! Which connection the far side has.

/// What the far side's descriptions tell of its connection: another certificate is another DTLS association (RFC 8842 section
/// 4), which an end of the old one can do nothing with.
#[derive(Debug, Default)]
pub(crate) struct RemoteEnd {
    fingerprints: Vec<String>,
}

impl RemoteEnd {
    /// Takes note of a description. Whether it is of another connection than the one before it.
    pub(crate) fn handle_description(&mut self, sdp: &str) -> bool {
        let told: Vec<_> = fingerprints(sdp).map(str::to_owned).collect();
        if told.is_empty() {
            return false;
        }
        let is_other =
            !self.fingerprints.is_empty() && !told.iter().any(|one| self.fingerprints.contains(one));
        self.fingerprints = told;
        is_other
    }
}

/// All `a=fingerprint` values of a description (RFC 8122 section 5).
fn fingerprints(sdp: &str) -> impl Iterator<Item = &str> {
    sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a=fingerprint:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_certificate_is_another_end() {
        let mut end = RemoteEnd::default();
        let descriptions = [
            ("v=0\r\na=fingerprint:sha-256 AA\r\n", false),
            ("v=0\r\n", false),
            ("v=0\na=fingerprint:sha-256 AA\na=fingerprint:sha-384 BB\n", false),
            ("v=0\r\na=fingerprint:sha-384 BB\r\n", false),
            ("v=0\r\na=fingerprint:sha-256 CC\r\n", true),
            ("v=0\r\na=fingerprint:sha-256 CC\r\n", false),
        ];
        for (sdp, is_other) in descriptions {
            assert_eq!(end.handle_description(sdp), is_other, "{sdp}");
        }
    }
}
