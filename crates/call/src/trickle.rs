//! Candidates on their way in both directions, each kept until the description it belongs to has gone before it
//! (RFC 8838). Generations are told apart by their user name fragment.

use std::collections::VecDeque;

use visavis_protocol::{Candidate, ClientMessage, MAX_CANDIDATES_PER_MESSAGE, ParticipantId};

use crate::output::Output;

/// Most candidates kept for a description that has not come; a flood beyond it is dropped.
const MAX_KEPT: usize = 128;

/// A candidate, or the word that there are no more of its generation.
#[derive(Debug, Clone)]
pub(crate) enum Trickled {
    Candidate(Candidate),
    End { ufrag: String },
}

impl Trickled {
    fn ufrag(&self) -> &str {
        match self {
            Self::Candidate(candidate) => &candidate.ufrag,
            Self::End { ufrag } => ufrag,
        }
    }
}

/// One direction of trickling.
#[derive(Debug, Default)]
pub(crate) struct Trickle {
    /// User name fragments of the description in force, one or more (one per media section without bundling).
    ufrags: Vec<String>,
    kept: Vec<Trickled>,
}

impl Trickle {
    /// Takes what was trickled; gives it back if its description is in force, keeps it otherwise.
    pub(crate) fn handle(&mut self, trickled: Trickled) -> Option<Trickled> {
        if self.ufrags.iter().any(|ufrag| ufrag == trickled.ufrag()) {
            return Some(trickled);
        }
        if self.kept.len() < MAX_KEPT {
            self.kept.push(trickled);
        }
        None
    }

    /// A description is in force from now on: gives what was kept for it, and forgets what belongs to others.
    pub(crate) fn handle_description(&mut self, sdp: &str) -> Vec<Trickled> {
        self.ufrags = ufrags(sdp);
        let mut kept = std::mem::take(&mut self.kept);
        kept.retain(|trickled| self.ufrags.iter().any(|ufrag| ufrag == trickled.ufrag()));
        kept
    }
}

/// Messages that carry local candidates to a participant, in batches as large as allowed.
pub(crate) fn send(to: &ParticipantId, trickled: Vec<Trickled>, out: &mut VecDeque<Output>) {
    let mut batch = Vec::new();
    for item in trickled {
        match item {
            Trickled::Candidate(candidate) => {
                batch.push(candidate);
                if batch.len() == MAX_CANDIDATES_PER_MESSAGE {
                    send_batch(to, &mut batch, out);
                }
            }
            Trickled::End { ufrag } => {
                send_batch(to, &mut batch, out);
                out.push_back(Output::Send {
                    message: ClientMessage::EndOfCandidates { to: to.clone(), ufrag },
                });
            }
        }
    }
    send_batch(to, &mut batch, out);
}

/// Work on the peer connection for remote candidates.
pub(crate) fn add(peer: &ParticipantId, trickled: Vec<Trickled>, out: &mut VecDeque<Output>) {
    out.extend(trickled.into_iter().map(|item| match item {
        Trickled::Candidate(candidate) => Output::AddCandidate { peer: peer.clone(), candidate },
        Trickled::End { ufrag } => Output::EndCandidates { peer: peer.clone(), ufrag },
    }));
}

fn send_batch(to: &ParticipantId, batch: &mut Vec<Candidate>, out: &mut VecDeque<Output>) {
    if !batch.is_empty() {
        let candidates = std::mem::take(batch);
        out.push_back(Output::Send { message: ClientMessage::Candidates { to: to.clone(), candidates } });
    }
}

/// All `a=ice-ufrag` values of a description (RFC 8839 section 5.4).
fn ufrags(sdp: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for ufrag in sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:")) {
        if !found.iter().any(|known| known == ufrag) {
            found.push(ufrag.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(ufrag: &str) -> Trickled {
        Trickled::End { ufrag: ufrag.to_owned() }
    }

    #[test]
    fn a_flood_for_a_description_that_never_comes_is_bounded() {
        let mut trickle = Trickle::default();
        for _ in 0..10_000 {
            assert!(trickle.handle(end("flood")).is_none());
        }
        assert_eq!(trickle.handle_description("a=ice-ufrag:flood\r\n").len(), MAX_KEPT);
    }

    #[test]
    fn fragments_are_read_once_each() {
        assert_eq!(
            ufrags("v=0\r\na=ice-ufrag:one\r\nm=\r\na=ice-ufrag:one\r\na=ice-ufrag:two\n"),
            ["one", "two"]
        );
    }

    #[test]
    fn batches_keep_to_the_limit_of_the_protocol() {
        let candidate = Candidate { candidate: "c".to_owned(), mid: "0".to_owned(), ufrag: "u".to_owned() };
        let mut items: Vec<_> =
            (0..MAX_CANDIDATES_PER_MESSAGE + 1).map(|_| Trickled::Candidate(candidate.clone())).collect();
        items.push(end("u"));
        let to = ParticipantId::new("p").expect("an id");
        let mut out = VecDeque::new();
        send(&to, items, &mut out);
        let sizes: Vec<_> = out
            .iter()
            .filter_map(|output| match output {
                Output::Send { message: ClientMessage::Candidates { candidates, .. } } => {
                    Some(candidates.len())
                }
                Output::Send { message: ClientMessage::EndOfCandidates { .. } } => Some(0),
                Output::Send { .. }
                | Output::Event { .. }
                | Output::KeepGuest { .. }
                | Output::OpenSignaling
                | Output::CloseSignaling => None,
                Output::OpenPeer { .. } | Output::SetIceMode { .. } | Output::ClosePeer { .. } => None,
                Output::CreateOffer { .. } => None,
                Output::AcceptOffer { .. } | Output::AcceptAnswer { .. } => None,
                Output::AddCandidate { .. } | Output::EndCandidates { .. } => None,
            })
            .collect();
        assert_eq!(sizes, [MAX_CANDIDATES_PER_MESSAGE, 1, 0]);
    }
}
