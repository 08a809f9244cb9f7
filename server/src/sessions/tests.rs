use rand::SeedableRng as _;
use visavis_protocol::{ErrorCode, LeaveReason, ParticipantId};

use super::*;

const GRACE: Duration = Duration::from_secs(30);
const FIRST: ConnectionId = ConnectionId(1);
const SECOND: ConnectionId = ConnectionId(2);
const THIRD: ConnectionId = ConnectionId(3);

fn sessions() -> Sessions {
    Sessions::new(GRACE, StdRng::seed_from_u64(7))
}

/// Opens a session over the first connection; its id and token.
fn opened(sessions: &mut Sessions) -> (SessionId, SessionToken) {
    let opening = sessions.open(FIRST, None, Grant::newcomer());
    assert!(opening.resumed.is_none());
    (sessions.session_of(FIRST).expect("a session"), opening.session)
}

fn resume(sessions: &mut Sessions, over: ConnectionId, session: &SessionToken, received: u32) -> Opening {
    sessions.open(over, Some(Resume { session: session.clone(), received }), Grant::newcomer())
}

/// A message that can be told from others.
fn message(number: u32) -> ServerMessage {
    let participant = ParticipantId::new(number.to_string()).expect("an id");
    ServerMessage::ParticipantLeft { participant, reason: LeaveReason::Left }
}

fn say(sessions: &mut Sessions, id: SessionId, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        sessions.say(id, message(number));
    }
}

#[track_caller]
fn assert_missed(opening: &Opening, numbers: std::ops::RangeInclusive<u32>) {
    let missed: Vec<_> =
        opening.resumed.as_ref().expect("it goes on").missed.iter().map(|m| (**m).clone()).collect();
    assert_eq!(missed, numbers.map(message).collect::<Vec<_>>());
}

#[test]
fn what_was_missed_follows_in_order_and_nothing_twice() {
    let mut sessions = sessions();
    let (id, token) = opened(&mut sessions);
    say(&mut sessions, id, 1..=3);
    sessions.detach(Instant::now(), FIRST);
    assert!(sessions.say(id, message(4)).is_none(), "there is no connection");

    let opening = resume(&mut sessions, SECOND, &token, 2);
    assert_missed(&opening, 3..=4);
    assert_eq!(opening.session, token);
    assert_eq!(sessions.session_of(SECOND), Some(id));
    assert_eq!(sessions.say(id, message(5)).map(|(over, _)| over), Some(SECOND));
    sessions.detach(Instant::now(), SECOND);
    let opening = resume(&mut sessions, THIRD, &token, 5);
    assert!(opening.resumed.is_some_and(|resumed| resumed.missed.is_empty()));
}

#[test]
fn answers_to_a_connection_are_not_counted() {
    let mut sessions = sessions();
    let (id, token) = opened(&mut sessions);
    let error =
        ServerMessage::Error { code: ErrorCode::NotInRoom, message: "no".to_owned(), retry_after_ms: None };
    assert!(sessions.say(id, error).is_some());
    say(&mut sessions, id, 1..=1);
    sessions.detach(Instant::now(), FIRST);
    assert_missed(&resume(&mut sessions, SECOND, &token, 0), 1..=1);
}

#[test]
fn a_connection_whose_end_was_not_noticed_is_superseded() {
    let mut sessions = sessions();
    let (id, token) = opened(&mut sessions);
    let opening = resume(&mut sessions, SECOND, &token, 0);
    assert_eq!(opening.resumed.and_then(|resumed| resumed.superseded), Some(FIRST));
    assert_eq!(sessions.hear(FIRST), None, "what the old one still says is not heard");
    sessions.detach(Instant::now(), FIRST);
    assert_eq!(sessions.hear(SECOND), Some(id), "and its end means nothing");
    assert_eq!(sessions.poll_timeout(), None);
}

#[test]
fn what_the_client_said_is_counted_over_all_connections() {
    let mut sessions = sessions();
    let (_, token) = opened(&mut sessions);
    sessions.hear(FIRST);
    sessions.hear(FIRST);
    let opening = resume(&mut sessions, SECOND, &token, 0);
    assert_eq!(opening.resumed.map(|resumed| resumed.received), Some(2));
    sessions.hear(SECOND);
    let opening = resume(&mut sessions, THIRD, &token, 0);
    assert_eq!(opening.resumed.map(|resumed| resumed.received), Some(3));
}

#[test]
fn the_grace_period_ends_a_session_that_is_not_resumed() {
    let (mut sessions, start) = (sessions(), Instant::now());
    let (id, token) = opened(&mut sessions);
    sessions.detach(start, FIRST);
    assert_eq!(sessions.poll_timeout(), Some(start + GRACE));
    assert_eq!(sessions.poll_ended(start + GRACE - Duration::from_millis(1)), None);
    assert_eq!(sessions.poll_ended(start + GRACE), Some(id));
    assert_eq!(sessions.poll_ended(start + GRACE), None);

    let opening = resume(&mut sessions, SECOND, &token, 0);
    assert!(opening.resumed.is_none());
    assert_ne!(sessions.session_of(SECOND), Some(id));
}

#[test]
fn a_session_that_was_ended_is_not_resumed() {
    let mut sessions = sessions();
    let (id, token) = opened(&mut sessions);
    sessions.detach(Instant::now(), FIRST);
    sessions.end(id);
    assert_eq!(sessions.poll_timeout(), None);
    assert!(resume(&mut sessions, SECOND, &token, 0).resumed.is_none());
}

#[test]
fn who_missed_more_than_is_kept_or_claims_the_impossible_begins_anew() {
    let most = u32::try_from(MESSAGES_KEPT).expect("a small number");
    for (said, received, goes_on) in
        [(most, 0, true), (most + 1, 0, false), (most + 1, 1, true), (3, 4, false), (3, u32::MAX, false)]
    {
        let mut sessions = sessions();
        let (id, token) = opened(&mut sessions);
        say(&mut sessions, id, 1..=said);
        sessions.detach(Instant::now(), FIRST);
        let opening = resume(&mut sessions, SECOND, &token, received);
        assert_eq!(opening.resumed.is_some(), goes_on, "{received} of {said}");
    }
}

#[test]
fn what_was_read_is_not_kept() {
    let mut sessions = sessions();
    let (id, token) = opened(&mut sessions);
    say(&mut sessions, id, 1..=5);
    sessions.acknowledge(FIRST, 3);
    sessions.acknowledge(FIRST, 900);
    sessions.detach(Instant::now(), FIRST);
    assert!(resume(&mut sessions, SECOND, &token, 2).resumed.is_none(), "the third is gone");

    let (id, token) = {
        let opening = sessions.open(THIRD, None, Grant::newcomer());
        (sessions.session_of(THIRD).expect("a session"), opening.session)
    };
    say(&mut sessions, id, 1..=5);
    sessions.acknowledge(THIRD, 3);
    assert_missed(&resume(&mut sessions, FIRST, &token, 3), 4..=5);
}

#[test]
fn a_token_of_another_run_is_the_root_of_the_new_ones() {
    let mut sessions = sessions();
    let token = Sessions::new(GRACE, StdRng::seed_from_u64(8)).draw_token();
    let opening = resume(&mut sessions, FIRST, &token, 7);
    assert!(opening.resumed.is_none());
    let next = opening.session;
    assert!(next != token && root(&next) == root(&token));
    let id = sessions.session_of(FIRST).expect("a session");
    assert_eq!(sessions.former_token(id), Some(&token));
    // It is a session like any other from then on: a second client with it takes over.
    let opening = resume(&mut sessions, SECOND, &next, 0);
    assert_eq!(opening.resumed.and_then(|resumed| resumed.superseded), Some(FIRST));
}

#[test]
fn what_a_client_had_before_goes_with_its_session_to_another_node() {
    let (mut here, mut there) = (sessions(), sessions());
    let token = Sessions::new(GRACE, StdRng::seed_from_u64(8)).draw_token();
    resume(&mut here, FIRST, &token, 0);
    let packed = here.pack(here.session_of(FIRST).expect("a session")).expect("it is here");
    let text = serde_json::to_string(&packed).expect("a text");
    let id = there.unpack(SECOND, serde_json::from_str(&text).expect("a session"));
    assert_eq!(there.former_token(id), Some(&token));
}

#[test]
fn what_is_no_token_of_ours_names_nothing() {
    let mut sessions = sessions();
    for text in ["x", "0123456789abcdefghijklm", "0123456789abcdefghijklm.", "0123456789abcdefghijklmno"] {
        let token = SessionToken::new(text).expect("a token");
        let opening = resume(&mut sessions, FIRST, &token, 0);
        assert_ne!(root(&opening.session), root(&token), "{text}");
        let id = sessions.session_of(FIRST).expect("a session");
        assert_eq!(sessions.former_token(id), None, "{text}");
    }
}

#[test]
fn who_has_missed_too_much_keeps_its_root_and_the_old_session_ends_by_itself() {
    let (mut sessions, start) = (sessions(), Instant::now());
    let (id, token) = opened(&mut sessions);
    sessions.detach(start, FIRST);
    let opening = resume(&mut sessions, SECOND, &token, 900);
    assert!(opening.resumed.is_none());
    assert!(opening.session != token && root(&opening.session) == root(&token));
    assert_eq!(sessions.poll_ended(start + GRACE), Some(id));
    let opening = resume(&mut sessions, THIRD, &opening.session, 0);
    assert!(opening.resumed.is_some());
}

#[test]
fn tokens_are_not_shown() {
    let mut sessions = sessions();
    let (_, token) = opened(&mut sessions);
    assert!(!format!("{sessions:?}").contains(token.as_str()));
}

#[test]
fn who_has_learnt_the_token_of_somebody_elses_session_gets_a_session_of_its_own() {
    let mut sessions = sessions();
    let begun = sessions.open(FIRST, None, Grant::invited("ada")).session;
    let resume = Resume { session: begun.clone(), received: 0 };
    for other in [Grant::invited("eve"), Grant::newcomer()] {
        for received in [0, 900] {
            let resume = Resume { received, ..resume.clone() };
            let opening = sessions.open(SECOND, Some(resume), other.clone());
            assert!(opening.resumed.is_none() && root(&opening.session) != root(&begun));
        }
    }
    assert_eq!(sessions.session_of(FIRST), Some(SessionId(0)), "she has it still");

    let opening = sessions.open(THIRD, Some(resume), Grant::invited("ada"));
    assert!(opening.resumed.is_some() && opening.session == begun);
}
