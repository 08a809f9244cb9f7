use std::collections::BTreeMap;

use super::Ticket;
use crate::sessions::SessionId;

/// Others that are looked at in one bucket at most. Whoever is in one together and has not met is apart for a reason, so
/// there are few, unless somebody fills it with sessions that nobody wants.
const LOOKED_AT: usize = 16;

/// Those who would meet somebody over the same thing, in the order they began to wait.
#[derive(Debug)]
pub(super) enum Bucket {
    /// Most are of this kind, which takes no memory beside the bucket's own.
    One(Place),
    Several(BTreeMap<Ticket, SessionId>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) ticket: Ticket,
    pub(super) session: SessionId,
}

/// Who is left in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remains {
    Somebody,
    Nobody,
}

impl Bucket {
    pub(super) fn of(place: Place) -> Self {
        Self::One(place)
    }

    /// Lists somebody, once however often it is told.
    pub(super) fn list(&mut self, place: Place) {
        match self {
            Self::One(one) if *one == place => {}
            Self::One(one) => {
                let both = [*one, place].map(|Place { ticket, session }| (ticket, session));
                *self = Self::Several(BTreeMap::from(both));
            }
            Self::Several(several) => {
                several.insert(place.ticket, place.session);
            }
        }
    }

    /// Takes somebody out, if it is there. Without anybody left, the bucket has to go.
    pub(super) fn unlist(&mut self, ticket: Ticket) -> Remains {
        let is_empty = match self {
            Self::One(one) => one.ticket == ticket,
            Self::Several(several) => {
                several.remove(&ticket);
                several.is_empty()
            }
        };
        if is_empty { Remains::Nobody } else { Remains::Somebody }
    }

    pub(super) fn longest_waiting(&self) -> impl Iterator<Item = Place> {
        let (one, several) = match self {
            Self::One(place) => (Some(*place), None),
            Self::Several(several) => (None, Some(several)),
        };
        let several = several.into_iter().flatten().take(LOOKED_AT);
        one.into_iter().chain(several.map(|(&ticket, &session)| Place { ticket, session }))
    }
}
