use super::{Mail, NodeId, SessionKey, fuzz_entries};

/// For fuzzing: what Redis has, a line each: mail, its envelopes, and what nodes and sessions are called. What can be read can be written
/// and read again.
pub(crate) fn fuzz_texts(node: &NodeId, seeker: &SessionKey, text: &str) {
    fuzz_entries(node, seeker, text.lines());
    for line in text.lines() {
        if let Ok(mail) = Mail::parse(line) {
            assert_eq!(Mail::parse(&mail.to_text()).ok(), Some(mail));
        }
    }
}
