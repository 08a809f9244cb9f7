use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use visavis_protocol::{DisplayName, RoomName};

use super::Identity;

/// What a client may do, for as long as its session lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) identity: Identity,
    /// What others see, whatever the client calls itself.
    pub(crate) name: Option<DisplayName>,
    pub(super) rooms: Rooms,
    pub(super) permissions: Vec<Permission>,
    /// When it cannot be shown any more.
    pub(super) expires: SystemTime,
    pub(super) standing: Standing,
}

/// What somebody may do beyond joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Permission {
    /// Open a room that is not there.
    Create,
    /// Be a host of the rooms that the token is for.
    Host,
    /// Enter without waiting to be let in.
    BypassLobby,
}

/// Where a grant is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rooms {
    All,
    These(Vec<RoomName>),
}

/// How sure it is who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// Somebody vouches for them.
    Invited,
    /// They were here before.
    Guest,
    /// They have shown nothing.
    Newcomer,
}

impl Grant {
    pub(crate) fn may_enter(&self, room: &RoomName) -> bool {
        match &self.rooms {
            Rooms::All => true,
            Rooms::These(rooms) => rooms.contains(room),
        }
    }

    pub(crate) fn may_create(&self) -> bool {
        self.may(Permission::Create)
    }

    pub(crate) fn is_host(&self) -> bool {
        self.may(Permission::Host)
    }

    pub(crate) fn bypasses_lobby(&self) -> bool {
        self.may(Permission::BypassLobby)
    }

    /// Whether who has shown this may go on with a session of that one. Who has shown nothing is told from others by the
    /// session's own token alone, which is enough among guests.
    pub(crate) fn may_resume(&self, begun: &Self) -> bool {
        match self.standing {
            Standing::Newcomer => begun.standing != Standing::Invited,
            Standing::Invited | Standing::Guest => self.identity == begun.identity,
        }
    }

    /// Whether it is for nobody that was here before.
    pub(crate) fn is_newcomer(&self) -> bool {
        self.standing == Standing::Newcomer
    }

    fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Somebody who has shown nothing, where there are no tokens: in tests and fuzzing.
    #[expect(clippy::expect_used, reason = "it is an identity")]
    pub(crate) fn newcomer() -> Self {
        Self {
            identity: "guest:test".parse().expect("an identity"),
            name: None,
            rooms: Rooms::All,
            permissions: vec![Permission::Create],
            expires: SystemTime::UNIX_EPOCH,
            standing: Standing::Newcomer,
        }
    }

    #[cfg(test)]
    pub(crate) fn with(self, permissions: &[Permission]) -> Self {
        Self { permissions: permissions.to_vec(), ..self }
    }

    #[cfg(test)]
    pub(crate) fn guest(identity: &str) -> Self {
        Self { standing: Standing::Guest, ..Self::invited(identity) }
    }

    #[cfg(test)]
    pub(crate) fn invited(identity: &str) -> Self {
        let identity = identity.parse().expect("an identity");
        Self { identity, standing: Standing::Invited, ..Self::newcomer() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_goes_on_for_the_same_person_only() {
        let [ada, eve, newcomer] = [Grant::invited("ada"), Grant::invited("eve"), Grant::newcomer()];
        let guest = |identity: &str| Grant { standing: Standing::Guest, ..Grant::invited(identity) };
        assert!(ada.may_resume(&ada) && !eve.may_resume(&ada) && !newcomer.may_resume(&ada));
        assert!(guest("guest:1").may_resume(&guest("guest:1")));
        assert!(!guest("guest:2").may_resume(&guest("guest:1")));
        assert!(newcomer.may_resume(&guest("guest:1")), "the session's token is proof enough of a guest");
    }

    #[test]
    fn a_grant_is_good_for_its_rooms() {
        let [owl, fox] = ["owl", "fox"].map(|name| RoomName::new(name).expect("a room name"));
        let one = Grant { rooms: Rooms::These(vec![owl.clone()]), ..Grant::newcomer() };
        assert!(one.may_enter(&owl) && !one.may_enter(&fox));
        assert!(Grant::newcomer().may_enter(&fox));
    }
}
