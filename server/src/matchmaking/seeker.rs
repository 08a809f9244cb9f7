use std::iter;

use smallvec::SmallVec;
use visavis_protocol::{Interest, MatchKind, Region};

use crate::access::Identity;
use crate::cluster::BucketKey;

/// Somebody who wants to meet somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seeker {
    pub(super) identity: Identity,
    pub(super) kind: MatchKind,
    /// Who names none is content with anybody; most name one at most.
    pub(super) interests: SmallVec<[Interest; 1]>,
    pub(super) region: Option<Region>,
}

/// What two could meet over; nobody meets anybody for another kind of call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    kind: MatchKind,
    interest: Option<Interest>,
    region: Option<Region>,
}

/// How little in common is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Width {
    /// An interest, and the region.
    Narrow,
    /// An interest, or for who has none, nothing.
    Wide,
    Widest,
}

impl Seeker {
    #[cfg(test)]
    pub(crate) fn new(
        identity: Identity,
        kind: MatchKind,
        interests: Vec<Interest>,
        region: Option<Region>,
    ) -> Self {
        Self { identity, kind, interests: interests.into(), region }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The same as [`keys`](Self::keys), as all nodes know them.
    pub(crate) fn buckets(&self, width: Width) -> Vec<BucketKey> {
        let name = |key: &Key| BucketKey::new(key.kind, key.interest.as_ref(), key.region.as_ref());
        self.keys(width).map(|key| name(&key)).collect()
    }

    /// What it would meet somebody over. The wider includes the narrower.
    pub(super) fn keys(&self, width: Width) -> impl Iterator<Item = Key> {
        let any_interest = self.interests.is_empty() || width == Width::Widest;
        let interests = self.interests.iter().map(Some).chain(any_interest.then_some(None));
        let any_region = self.region.is_some() && width > Width::Narrow;
        let regions = iter::once(self.region.as_ref()).chain(any_region.then_some(None));
        regions.flat_map(move |region| {
            interests.clone().map(move |interest| Key {
                kind: self.kind,
                interest: interest.cloned(),
                region: region.cloned(),
            })
        })
    }
}
