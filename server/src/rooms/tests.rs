use rand::SeedableRng as _;
use visavis_protocol::{
    Candidate, Description, DescriptionKind, DisplayName, ErrorCode, Hello, Participant, Role,
};

use super::*;
use crate::access::Grant;

mod consent;
mod hosting;
mod returning;

const ADA: SessionId = SessionId(1);
const BOB: SessionId = SessionId(2);
const EVE: SessionId = SessionId(3);

const ALL_OFF: MediaState = MediaState { microphone: false, camera: false, screen: false };

fn rooms(size: usize) -> Rooms {
    Rooms::new(NonZeroUsize::new(size).expect("a room has room"), Door::Open, false, StdRng::seed_from_u64(7))
}

fn room(name: &str) -> RoomName {
    RoomName::new(name).expect("a room name")
}

/// Said by a guest.
fn say(rooms: &mut Rooms, who: SessionId, message: ClientMessage) -> Vec<Delivery> {
    rooms.handle(speaker(who, &token(who), &guest(who)), message)
}

fn token(who: SessionId) -> SessionToken {
    SessionToken::new(format!("token-{}", who.0)).expect("a token")
}

fn speaker<'a>(session: SessionId, token: &'a SessionToken, grant: &'a Grant) -> Speaker<'a> {
    Speaker { session, token, grant }
}

fn guest(who: SessionId) -> Grant {
    Grant::invited(&format!("guest:{}", who.0))
}

fn join(rooms: &mut Rooms, who: SessionId, name: &str) -> Vec<Delivery> {
    join_with(rooms, who, name, &guest(who))
}

fn join_with(rooms: &mut Rooms, who: SessionId, name: &str, grant: &Grant) -> Vec<Delivery> {
    let name = DisplayName::new(name).expect("a name");
    let join = Join { room: room("owl"), name, media: ALL_OFF, again: None };
    rooms.handle(speaker(who, &token(who), grant), ClientMessage::Join(join))
}

/// Joins, and gives the newcomer's id and whom it sees.
fn joined(rooms: &mut Rooms, who: SessionId, name: &str) -> (ParticipantId, Vec<Participant>) {
    match join(rooms, who, name).remove(0) {
        Delivery { to, message: ServerMessage::Joined { room: name, you, participants, .. } } => {
            assert_eq!((to, name), (who, room("owl")));
            (you, participants)
        }
        other => panic!("{who:?} did not join: {other:?}"),
    }
}

#[track_caller]
fn assert_refused(deliveries: &[Delivery], who: SessionId, code: ErrorCode) {
    match deliveries {
        [Delivery { to, message: ServerMessage::Error { code: actual, .. } }] => {
            assert_eq!((*to, *actual), (who, code));
        }
        other => panic!("not refused: {other:?}"),
    }
}

fn offer() -> Description {
    Description { kind: DescriptionKind::Offer, negotiation: 1, sdp: "v=0\r\n".to_owned() }
}

#[test]
fn the_first_is_alone_and_answers_who_comes_later() {
    let mut rooms = rooms(3);
    let (ada, seen) = joined(&mut rooms, ADA, "Ada");
    assert_eq!(seen, []);

    let deliveries = join(&mut rooms, BOB, "Bob");
    let [
        Delivery { to: BOB, message: ServerMessage::Joined { you: bob, participants, .. } },
        Delivery { to: ADA, message: ServerMessage::ParticipantJoined { participant } },
    ] = deliveries.as_slice()
    else {
        panic!("{deliveries:?}");
    };
    let [present] = participants.as_slice() else { panic!("{participants:?}") };
    assert_eq!((&present.id, present.name.as_str(), present.role), (&ada, "Ada", Role::Offerer));
    assert_eq!((&participant.id, participant.name.as_str(), participant.role), (bob, "Bob", Role::Answerer));

    let (_, seen) = joined(&mut rooms, EVE, "Eve");
    let names: Vec<_> =
        seen.iter().map(|participant| (participant.name.as_str(), participant.role)).collect();
    assert_eq!(names, [("Ada", Role::Offerer), ("Bob", Role::Offerer)]);
}

#[test]
fn a_full_room_refuses_and_has_room_again_after_a_leave() {
    let mut rooms = rooms(2);
    joined(&mut rooms, ADA, "Ada");
    joined(&mut rooms, BOB, "Bob");
    assert_refused(&join(&mut rooms, EVE, "Eve"), EVE, ErrorCode::RoomFull);
    assert_refused(&say(&mut rooms, EVE, ClientMessage::Leave), EVE, ErrorCode::NotInRoom);

    say(&mut rooms, ADA, ClientMessage::Leave);
    let (_, seen) = joined(&mut rooms, EVE, "Eve");
    assert_eq!(seen.len(), 1);
}

#[test]
fn rooms_do_not_hear_each_other() {
    let mut rooms = rooms(2);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    let name = DisplayName::new("Eve").expect("a name");
    say(&mut rooms, EVE, ClientMessage::Join(Join { room: room("fox"), name, media: ALL_OFF, again: None }));

    let message = ClientMessage::Description { to: ada, description: offer() };
    assert_refused(&say(&mut rooms, EVE, message), EVE, ErrorCode::UnknownParticipant);
    assert_eq!(say(&mut rooms, EVE, ClientMessage::Media(ALL_OFF)), []);
    assert_eq!(say(&mut rooms, EVE, ClientMessage::Leave), []);
}

#[test]
fn a_leaver_is_announced_with_the_reason() {
    for (disconnects, expected) in [(false, LeaveReason::Left), (true, LeaveReason::Disconnected)] {
        let mut rooms = rooms(2);
        let (ada, _) = joined(&mut rooms, ADA, "Ada");
        joined(&mut rooms, BOB, "Bob");
        let deliveries =
            if disconnects { rooms.handle_end(ADA) } else { say(&mut rooms, ADA, ClientMessage::Leave) };
        let message = ServerMessage::ParticipantLeft { participant: ada, reason: expected };
        assert_eq!(deliveries[0], Delivery { to: BOB, message });
        assert_eq!(rooms.handle_end(ADA), []);
    }
}

#[test]
fn nothing_is_kept_of_an_empty_room() {
    let mut rooms = rooms(2);
    let (first, _) = joined(&mut rooms, ADA, "Ada");
    joined(&mut rooms, BOB, "Bob");
    say(&mut rooms, ADA, ClientMessage::Leave);
    rooms.handle_end(BOB);
    assert!(rooms.rooms.is_empty() && rooms.stays.is_empty());

    let (second, seen) = joined(&mut rooms, ADA, "Ada");
    assert_eq!(seen, []);
    assert_ne!(first, second, "an id names one stay");
}

#[test]
fn what_participants_say_to_each_other_reaches_only_the_addressee() {
    let mut rooms = rooms(3);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    let (bob, _) = joined(&mut rooms, BOB, "Bob");
    joined(&mut rooms, EVE, "Eve");
    let candidate =
        Candidate { candidate: "candidate:1".to_owned(), mid: "0".to_owned(), ufrag: "u".to_owned() };

    let said = say(&mut rooms, BOB, ClientMessage::Description { to: ada.clone(), description: offer() });
    let message = ServerMessage::Description { from: bob.clone(), description: offer() };
    assert_eq!(said, [Delivery { to: ADA, message }]);

    let candidates = vec![candidate];
    let said =
        say(&mut rooms, BOB, ClientMessage::Candidates { to: ada.clone(), candidates: candidates.clone() });
    assert_eq!(
        said,
        [Delivery { to: ADA, message: ServerMessage::Candidates { from: bob.clone(), candidates } }]
    );

    let said = say(&mut rooms, BOB, ClientMessage::EndOfCandidates { to: ada, ufrag: "u".to_owned() });
    let message = ServerMessage::EndOfCandidates { from: bob.clone(), ufrag: "u".to_owned() };
    assert_eq!(said, [Delivery { to: ADA, message }]);

    let to_self = ClientMessage::Description { to: bob, description: offer() };
    assert_refused(&say(&mut rooms, BOB, to_self), BOB, ErrorCode::UnknownParticipant);
}

#[test]
fn who_left_is_no_addressee() {
    let mut rooms = rooms(2);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    joined(&mut rooms, BOB, "Bob");
    rooms.handle_end(ADA);
    let message = ClientMessage::EndOfCandidates { to: ada, ufrag: "u".to_owned() };
    assert_refused(&say(&mut rooms, BOB, message), BOB, ErrorCode::UnknownParticipant);
}

#[test]
fn a_change_of_media_is_told_and_remembered() {
    let mut rooms = rooms(2);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    let camera_on = MediaState { microphone: false, camera: true, screen: false };
    assert_eq!(say(&mut rooms, ADA, ClientMessage::Media(camera_on)), []);
    let (_, seen) = joined(&mut rooms, BOB, "Bob");
    assert_eq!(seen[0].media, camera_on);

    let said = say(&mut rooms, ADA, ClientMessage::Media(ALL_OFF));
    assert_eq!(said, [Delivery { to: BOB, message: ServerMessage::Media { from: ada, media: ALL_OFF } }]);
}

#[test]
fn messages_that_make_no_sense_now_are_refused() {
    let mut rooms = rooms(2);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    assert_refused(&join(&mut rooms, ADA, "Ada"), ADA, ErrorCode::UnexpectedMessage);
    let hello = Hello { protocol: 1, client: "test".to_owned(), resume: None, token: None };
    let hello = ClientMessage::Hello(hello);
    assert_refused(&say(&mut rooms, ADA, hello), ADA, ErrorCode::UnexpectedMessage);
    for message in [
        ClientMessage::Leave,
        ClientMessage::Media(ALL_OFF),
        ClientMessage::Description { to: ada.clone(), description: offer() },
        ClientMessage::Candidates { to: ada.clone(), candidates: Vec::new() },
        ClientMessage::EndOfCandidates { to: ada, ufrag: "u".to_owned() },
    ] {
        assert_refused(&say(&mut rooms, BOB, message), BOB, ErrorCode::NotInRoom);
    }
}
