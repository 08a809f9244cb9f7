use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis_protocol::{ErrorCode, ParticipantId, Report, ServerMessage};

use super::Moment;
use super::bans::Bans;
use super::blocks::Blocks;
use super::partings::{Companion, PackedParting, Partings};
use super::person::Person;
use super::records::{NewReport, Party};
use super::throttle::{Share, Throttle};
use crate::access::Identity;
use crate::cluster::IdentityKey;
use crate::conversation::Complaint;
use crate::rooms::Meeting;
use crate::sessions::{IdMap, SessionId};

const BETWEEN_REPORTS: Duration = Duration::from_secs(30);
const REPORTS_AT_ONCE: u32 = 10;
const BETWEEN_BLOCKS: Duration = Duration::from_secs(5);
const BLOCKS_AT_ONCE: u32 = 50;

/// What the hub knows about people: who is behind a session, who met whom, who may not be here. Pure.
#[derive(Debug)]
pub(crate) struct Register {
    /// What banned people are told to do about it.
    appeal: String,
    people: IdMap<SessionId, Arc<Person>>,
    partings: Partings,
    bans: Bans,
    blocks: Blocks,
    reports: Throttle,
    new_blocks: Throttle,
}

/// Why nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("nobody with this id is in your room, or was in the last two minutes")]
    UnknownParticipant,
    #[error("you say this too often")]
    TooMany { retry_after: Duration },
    #[error("this cannot be kept at the moment")]
    Unavailable,
}

impl Refusal {
    pub(crate) fn into_message(self) -> ServerMessage {
        let (code, retry_after) = match self {
            Self::UnknownParticipant => (ErrorCode::UnknownParticipant, None),
            Self::TooMany { retry_after } => (ErrorCode::RateLimited, Some(retry_after)),
            Self::Unavailable => (ErrorCode::Unavailable, None),
        };
        Complaint { retry_after, ..Complaint::new(code, self.to_string()) }.into()
    }
}

impl Register {
    /// Nobody is here yet.
    pub(crate) fn new(appeal: String) -> Self {
        Self {
            appeal,
            people: IdMap::default(),
            partings: Partings::default(),
            bans: Bans::default(),
            blocks: Blocks::default(),
            reports: Throttle::new(BETWEEN_REPORTS, REPORTS_AT_ONCE),
            new_blocks: Throttle::new(BETWEEN_BLOCKS, BLOCKS_AT_ONCE),
        }
    }

    /// What somebody is told who wants to come in from this address, and may not.
    pub(crate) fn keeps_out(
        &self,
        now: Moment,
        identity: &Identity,
        address: Option<IpAddr>,
    ) -> Option<Complaint> {
        self.bans.find(now, identity, address).map(|ban| ban.complaint(now, &self.appeal))
    }

    /// A session is opened, or goes on, for whoever has this identity, from this address.
    pub(crate) fn enter(&mut self, session: SessionId, identity: Identity, address: Option<IpAddr>) {
        self.people.insert(session, Arc::new(Person { identity, address }));
    }

    /// A session is over.
    pub(crate) fn leave(&mut self, session: SessionId) {
        self.people.remove(&session);
        self.partings.forget(session);
    }

    /// Whom a session has parted from lately, for the node where it goes on.
    pub(crate) fn pack_partings(&self, now: Instant, session: SessionId) -> Vec<PackedParting> {
        self.partings.pack(now, session)
    }

    /// Whom a session that has come here has parted from elsewhere.
    pub(crate) fn unpack_partings(&mut self, now: Instant, session: SessionId, packed: Vec<PackedParting>) {
        self.partings.unpack(now, session, packed);
    }

    /// Two are no longer in the same room.
    pub(crate) fn part(&mut self, now: Instant, meeting: Meeting) {
        let (of, companion) = (meeting.of, self.companion(meeting));
        if let Some(companion) = companion {
            self.partings.insert(now, of, companion);
        }
    }

    /// Takes what a session says of somebody it is in a room with (`present`), or was lately.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        from: SessionId,
        report: Report,
        present: Option<Meeting>,
    ) -> Result<NewReport, Refusal> {
        let (person, companion) = self.find(now, from, &report.participant, present)?;
        let share = share(from, &person);
        self.reports.take(now, share).map_err(|retry_after| Refusal::TooMany { retry_after })?;
        let party = |person: &Person, name: &str| Party {
            identity: person.identity.as_str().to_owned(),
            address: person.address,
            name: name.to_owned(),
        };
        Ok(NewReport {
            reporter: party(&person, companion.own_name.as_str()),
            reported: party(&companion.person, companion.name.as_str()),
            place: companion.room.into(),
            reason: report.reason,
            words: report.words.into(),
        })
    }

    /// The identities of a session and of somebody it does not want to meet again.
    pub(crate) fn block(
        &mut self,
        now: Instant,
        from: SessionId,
        participant: &ParticipantId,
        present: Option<Meeting>,
    ) -> Result<(String, String), Refusal> {
        let (person, companion) = self.find(now, from, participant, present)?;
        let share = share(from, &person);
        self.new_blocks.take(now, share).map_err(|retry_after| Refusal::TooMany { retry_after })?;
        Ok((person.identity.clone().into(), companion.person.identity.clone().into()))
    }

    /// These are all the bans that hold. Those who are here and must not be, with what they are told.
    pub(crate) fn set_bans(&mut self, now: Moment, bans: Bans) -> Vec<(SessionId, Complaint)> {
        self.bans = bans;
        if self.bans.len() == 0 {
            return Vec::new();
        }
        let banned = |(session, person): (&SessionId, &Arc<Person>)| {
            let ban = self.bans.find(now, &person.identity, person.address)?;
            Some((*session, ban.complaint(now, &self.appeal)))
        };
        self.people.iter().filter_map(banned).collect()
    }

    pub(crate) fn add_blocks(&mut self, blocks: &[(String, String)]) {
        blocks.iter().for_each(|(one, other)| self.blocks.insert(one, other));
    }

    /// Nothing is known any more about an identity, but that somebody is here with it.
    pub(crate) fn forget(&mut self, identity: &str) {
        self.blocks.forget(identity);
    }

    /// Whether either of the two does not want to meet the other.
    pub(crate) fn is_blocked(&self, one: &Identity, other: &Identity) -> bool {
        self.blocks.contains(one.as_str(), other.as_str())
    }

    /// Those who do not want to meet this one, or whom it does not want to meet.
    pub(crate) fn blocks_of(&self, identity: &Identity) -> Vec<IdentityKey> {
        let others = self.blocks.of(identity.as_str());
        others.filter_map(|other| other.parse().ok()).map(|other| IdentityKey::of(&other)).collect()
    }

    /// Where the client of a session is.
    pub(crate) fn address_of(&self, session: SessionId) -> Option<IpAddr> {
        self.people.get(&session)?.address
    }

    fn find(
        &self,
        now: Instant,
        from: SessionId,
        id: &ParticipantId,
        present: Option<Meeting>,
    ) -> Result<(Arc<Person>, Companion), Refusal> {
        let companion = present
            .and_then(|meeting| self.companion(meeting))
            .or_else(|| self.partings.find(now, from, id).cloned());
        let person = self.people.get(&from).cloned();
        person.zip(companion).ok_or(Refusal::UnknownParticipant)
    }

    fn companion(&self, meeting: Meeting) -> Option<Companion> {
        Some(Companion {
            person: Arc::clone(self.people.get(&meeting.with)?),
            id: meeting.with_id,
            name: meeting.with_name,
            room: meeting.room,
            own_name: meeting.name,
        })
    }
}

fn share(session: SessionId, person: &Person) -> Share {
    person.address.map_or(Share::Session(session), Share::Address)
}

#[cfg(test)]
mod tests {
    use visavis_protocol::{DisplayName, ReportReason, ReportWords, RoomName};

    use super::super::ban::tests::{NOW, ban};
    use super::super::partings::MEMORY;
    use super::*;

    const ADA: SessionId = SessionId(1);
    const EVE: SessionId = SessionId(2);

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    fn who(identity: &str) -> Identity {
        identity.parse().expect("an identity")
    }

    /// Ada and Eve are here.
    fn register() -> Register {
        let mut register = Register::new("Write to us.".to_owned());
        register.enter(ADA, who("ada"), address(1));
        register.enter(EVE, who("eve"), address(2));
        register
    }

    fn id(text: &str) -> ParticipantId {
        ParticipantId::new(text).expect("an id")
    }

    /// Ada sees Eve.
    fn meeting() -> Meeting {
        let name = |name: &str| DisplayName::new(name).expect("a name");
        Meeting {
            of: ADA,
            name: name("Ada"),
            with: EVE,
            with_id: id("eve"),
            with_name: name("Eve"),
            room: RoomName::new("owl").expect("a room"),
        }
    }

    fn said_of(participant: &str) -> Report {
        let words = ReportWords::new("'); DROP TABLE reports; --").expect("words");
        Report { participant: id(participant), reason: ReportReason::Spam, words }
    }

    #[test]
    fn a_report_says_who_reports_whom_and_where() {
        let mut register = register();
        let report =
            register.report(Instant::now(), ADA, said_of("eve"), Some(meeting())).expect("it is taken");
        assert_eq!((report.reporter.name.as_str(), report.reported.name.as_str()), ("Ada", "Eve"));
        assert_eq!((report.reporter.address, report.reported.address), (address(1), address(2)));
        assert_eq!((report.reporter.identity.as_str(), report.reported.identity.as_str()), ("ada", "eve"));
        assert_eq!((report.place.as_str(), report.words.as_str()), ("owl", "'); DROP TABLE reports; --"));
    }

    #[test]
    fn who_has_gone_can_be_reported_for_a_while_even_when_the_session_is_over() {
        let mut register = register();
        let now = Instant::now();
        register.part(now, meeting());
        register.leave(EVE);
        let late = now + MEMORY - Duration::from_secs(1);
        let report = register.report(late, ADA, said_of("eve"), None).expect("she was here");
        assert_eq!(report.reported.address, address(2));
        assert_eq!(
            register.report(now + MEMORY, ADA, said_of("eve"), None),
            Err(Refusal::UnknownParticipant)
        );
    }

    #[test]
    fn who_goes_on_at_another_node_can_report_there_whom_it_has_left_here() {
        let (mut register, now) = (register(), Instant::now());
        register.part(now, meeting());
        let packed = register.pack_partings(now, ADA);
        let (mut elsewhere, ada) = (Register::new(String::new()), SessionId(9));
        elsewhere.enter(ada, who("ada"), address(1));
        elsewhere.unpack_partings(now, ada, packed);
        let report = elsewhere.report(now, ada, said_of("eve"), None).expect("she was there");
        assert_eq!((report.reporter.name.as_str(), report.reported.name.as_str()), ("Ada", "Eve"));
        assert_eq!((report.reported.identity.as_str(), report.reported.address), ("eve", address(2)));
        assert_eq!(elsewhere.block(now, ada, &id("eve"), None), Ok(("ada".to_owned(), "eve".to_owned())));
    }

    #[test]
    fn strangers_cannot_be_reported() {
        let mut register = register();
        assert_eq!(
            register.report(Instant::now(), ADA, said_of("eve"), None),
            Err(Refusal::UnknownParticipant)
        );
        assert!(register.block(Instant::now(), ADA, &id("eve"), None).is_err());
    }

    #[test]
    fn ten_thousand_reports_of_one_client_are_ten() {
        let mut register = register();
        let now = Instant::now();
        let report = |register: &mut Register| register.report(now, ADA, said_of("eve"), Some(meeting()));
        let taken = (0..10_000).filter(|_| report(&mut register).is_ok()).count();
        assert_eq!(taken, 10);
        assert_eq!(report(&mut register), Err(Refusal::TooMany { retry_after: BETWEEN_REPORTS }));
    }

    #[test]
    fn who_is_banned_is_found_among_those_who_are_here() {
        let mut register = register();
        for subject in [ban("identity", "eve", None), ban("address", "192.0.2.2", None)] {
            let banned = register.set_bans(NOW, Bans::from_iter([subject]));
            let [(EVE, told)] = banned.as_slice() else { panic!("{banned:?}") };
            assert!(told.text.ends_with("spam. Write to us."), "{}", told.text);
        }
        let bans = [ban("identity", "eve", None), ban("address", "192.0.2.2", None)];
        register.set_bans(NOW, Bans::from_iter(bans));
        let keeps_out = |register: &Register, identity: &str, last: u8| {
            register.keeps_out(NOW, &who(identity), address(last)).is_some()
        };
        assert!(keeps_out(&register, "eve", 9) && keeps_out(&register, "ada", 2), "by either");
        assert!(!keeps_out(&register, "ada", 1));
        assert_eq!(register.set_bans(NOW, Bans::default()), []);
        assert!(!keeps_out(&register, "eve", 2), "it was lifted");
    }

    #[test]
    fn a_block_is_between_identities_and_both_ways() {
        let mut register = register();
        let [ada, eve] = ["ada", "eve"].map(who);
        let pair = register.block(Instant::now(), ADA, &id("eve"), Some(meeting())).expect("it is taken");
        assert!(!register.is_blocked(&ada, &eve), "it is not kept yet");
        register.add_blocks(std::slice::from_ref(&pair));
        assert!(register.is_blocked(&ada, &eve) && register.is_blocked(&eve, &ada));
        assert!(!register.is_blocked(&ada, &ada));
        register.forget(&pair.0);
        assert!(!register.is_blocked(&ada, &eve));
    }

    #[test]
    fn who_goes_on_from_elsewhere_is_known_by_the_new_address() {
        let mut register = register();
        register.enter(ADA, who("ada"), address(9));
        assert_eq!(*register.people[&ADA], Person { identity: who("ada"), address: address(9) });
    }
}
