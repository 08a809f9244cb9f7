//! Sessions that other nodes are to find here. Pure.

use std::collections::HashMap;

use visavis_protocol::SessionToken;

use super::SessionKey;
use crate::sessions::{IdMap, SessionId};

/// All of them, by what they are called.
///
/// A session is found by its token, and by the one that its client had before if it had to begin anew: wherever the session with
/// that one is, which could not be reached, its client does not go on with it.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    by_key: HashMap<SessionKey, SessionId>,
    keys: IdMap<SessionId, Keys>,
}

#[derive(Debug)]
struct Keys {
    own: SessionKey,
    former: Option<SessionKey>,
}

impl Settled {
    /// A session is here, with its token and its client's former one; what others do not know yet.
    pub(crate) fn settle(
        &mut self,
        session: SessionId,
        token: &SessionToken,
        former: Option<&SessionToken>,
    ) -> Vec<SessionKey> {
        if self.keys.contains_key(&session) {
            return Vec::new();
        }
        let own = SessionKey::of(token);
        let former = former.map(SessionKey::of).filter(|key| !self.by_key.contains_key(key));
        let told: Vec<_> = std::iter::once(&own).chain(&former).cloned().collect();
        self.by_key.extend(told.iter().map(|key| (key.clone(), session)));
        self.keys.insert(session, Keys { own, former });
        told
    }

    /// A session is over, or elsewhere; what others are not to find here any more.
    pub(crate) fn unsettle(&mut self, session: SessionId) -> Vec<SessionKey> {
        let Some(Keys { own, former }) = self.keys.remove(&session) else { return Vec::new() };
        // Another session may be called so by then.
        let is_its = |key: &SessionKey| self.by_key.get(key) == Some(&session);
        let told: Vec<_> = std::iter::once(own).chain(former).filter(is_its).collect();
        for key in &told {
            self.by_key.remove(key);
        }
        told
    }

    /// Another node has what is called so; the session here that this ends.
    pub(crate) fn lose(&mut self, key: &SessionKey) -> Option<SessionId> {
        let session = self.by_key.remove(key)?;
        let keys = self.keys.get_mut(&session)?;
        if keys.own == *key {
            return Some(session);
        }
        keys.former = None;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: SessionId = SessionId(1);
    const SECOND: SessionId = SessionId(2);

    fn token(text: &str) -> SessionToken {
        SessionToken::new(text).expect("a token")
    }

    fn key(text: &str) -> SessionKey {
        SessionKey::of(&token(text))
    }

    #[test]
    fn who_began_anew_is_found_by_both_tokens_until_it_is_gone() {
        let mut settled = Settled::default();
        assert_eq!(settled.settle(FIRST, &token("a.b"), Some(&token("a"))), [key("a.b"), key("a")]);
        assert_eq!(settled.settle(FIRST, &token("a.b"), Some(&token("a"))), [], "it is known");
        assert_eq!(settled.unsettle(FIRST), [key("a.b"), key("a")]);
        assert_eq!(settled.unsettle(FIRST), []);
    }

    #[test]
    fn a_session_that_is_here_keeps_its_name() {
        let mut settled = Settled::default();
        settled.settle(FIRST, &token("a"), None);
        assert_eq!(settled.settle(SECOND, &token("a.b"), Some(&token("a"))), [key("a.b")]);
        assert_eq!(settled.unsettle(SECOND), [key("a.b")]);
        assert_eq!(settled.lose(&key("a")), Some(FIRST));
    }

    #[test]
    fn a_session_that_comes_here_takes_its_name() {
        let mut settled = Settled::default();
        settled.settle(FIRST, &token("a.b"), Some(&token("a")));
        assert_eq!(settled.settle(SECOND, &token("a"), None), [key("a")]);
        assert_eq!(settled.unsettle(FIRST), [key("a.b")]);
        assert_eq!(settled.unsettle(SECOND), [key("a")]);
    }

    #[test]
    fn whoever_is_found_elsewhere_by_its_former_token_stays() {
        let mut settled = Settled::default();
        settled.settle(FIRST, &token("a.b"), Some(&token("a")));
        assert_eq!(settled.lose(&key("a")), None);
        assert_eq!(settled.lose(&key("a.b")), Some(FIRST));
        assert_eq!(settled.unsettle(FIRST), []);
    }
}
