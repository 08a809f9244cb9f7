//! Hosts, doors and lobbies.

use visavis_protocol::{HostAction, Knock};

use super::*;
use crate::access::Permission;

const JOE: SessionId = SessionId(4);

fn act(rooms: &mut Rooms, who: SessionId, action: HostAction) -> Vec<Delivery> {
    say(rooms, who, ClientMessage::Host(action))
}

fn set_door(rooms: &mut Rooms, who: SessionId, door: Door) {
    let told = act(rooms, who, HostAction::SetDoor { door });
    assert!(told.contains(&Delivery { to: who, message: ServerMessage::Door { door } }), "{told:?}");
}

/// Knocks, and gives the id that the hosts hear.
fn knock(rooms: &mut Rooms, who: SessionId, name: &str) -> ParticipantId {
    match join(rooms, who, name).as_slice() {
        [
            Delivery { to, message: ServerMessage::Waiting { you, .. } },
            Delivery { to: ADA, message: ServerMessage::Knock(Knock { participant, name: known }) },
        ] => {
            assert_eq!((*to, you, known.as_str()), (who, participant, name));
            you.clone()
        }
        other => panic!("{who:?} does not wait: {other:?}"),
    }
}

fn to(session: SessionId, message: ServerMessage) -> Delivery {
    Delivery { to: session, message }
}

fn is_in(rooms: &mut Rooms, who: SessionId) -> bool {
    let name = room("owl");
    rooms.rooms.get(&name).is_some_and(|room| room.members().iter().any(|member| member.session == who))
}

#[test]
fn who_opens_a_room_is_its_host_and_then_who_was_there_longest() {
    let mut rooms = rooms(3);
    let opening = join(&mut rooms, ADA, "Ada");
    assert!(matches!(opening[0].message, ServerMessage::Joined { host: true, .. }), "{opening:?}");
    let (bob, seen) = joined(&mut rooms, BOB, "Bob");
    assert!(seen[0].host);
    let coming = join(&mut rooms, EVE, "Eve");
    assert!(matches!(coming[0].message, ServerMessage::Joined { host: false, .. }), "{coming:?}");

    let left = say(&mut rooms, ADA, ClientMessage::Leave);
    let news = ServerMessage::Host { participant: bob };
    assert_eq!(left[2..], [to(BOB, news.clone()), to(EVE, news)]);
    assert_eq!(act(&mut rooms, BOB, HostAction::MuteAll {}).len(), 1);
}

#[test]
fn only_a_host_is_obeyed() {
    let mut rooms = rooms(2);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    joined(&mut rooms, BOB, "Bob");
    for action in [
        HostAction::Admit { participant: ada.clone() },
        HostAction::Deny { participant: ada.clone() },
        HostAction::Mute { participant: ada.clone() },
        HostAction::MuteAll {},
        HostAction::Remove { participant: ada },
        HostAction::SetDoor { door: Door::Locked },
        HostAction::End {},
    ] {
        assert_refused(&act(&mut rooms, BOB, action.clone()), BOB, ErrorCode::NotHost);
        assert_refused(&act(&mut rooms, EVE, action), EVE, ErrorCode::NotInRoom);
    }
    assert_eq!(rooms.participants(), 2);
}

#[test]
fn a_locked_door_keeps_everybody_out_and_is_told() {
    let mut rooms = rooms(3);
    joined(&mut rooms, ADA, "Ada");
    joined(&mut rooms, BOB, "Bob");
    let told = act(&mut rooms, ADA, HostAction::SetDoor { door: Door::Locked });
    let message = ServerMessage::Door { door: Door::Locked };
    assert_eq!(told, [to(ADA, message.clone()), to(BOB, message)]);
    assert_refused(&join(&mut rooms, EVE, "Eve"), EVE, ErrorCode::RoomLocked);
    assert!(!rooms.hold(EVE));
    set_door(&mut rooms, ADA, Door::Open);
    joined(&mut rooms, EVE, "Eve");
}

#[test]
fn who_waits_comes_in_as_the_one_the_host_heard_of() {
    let mut rooms = rooms(3);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    set_door(&mut rooms, ADA, Door::Lobby);
    let eve = knock(&mut rooms, EVE, "Eve");
    assert!(rooms.hold(EVE), "its place is kept for it");
    let camera_on = MediaState { microphone: false, camera: true, screen: false };
    assert_eq!(say(&mut rooms, EVE, ClientMessage::Media(camera_on)), []);

    let admitted = act(&mut rooms, ADA, HostAction::Admit { participant: eve.clone() });
    let [
        Delivery { to: ADA, message: ServerMessage::KnockEnded { participant: ended } },
        Delivery { to: EVE, message: ServerMessage::Joined { you, participants, door: Door::Lobby, .. } },
        Delivery { to: ADA, message: ServerMessage::ParticipantJoined { participant } },
    ] = admitted.as_slice()
    else {
        panic!("{admitted:?}");
    };
    assert_eq!((ended, you, &participant.id), (&eve, &eve, &eve));
    assert_eq!((&participants[0].id, participant.media), (&ada, camera_on));
    let again = act(&mut rooms, ADA, HostAction::Admit { participant: eve });
    assert_refused(&again, ADA, ErrorCode::UnknownParticipant);
}

#[test]
fn nobody_in_the_lobby_reaches_anybody() {
    let mut rooms = rooms(3);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    set_door(&mut rooms, ADA, Door::Lobby);
    knock(&mut rooms, EVE, "Eve");
    let said = say(&mut rooms, EVE, ClientMessage::Description { to: ada.clone(), description: offer() });
    assert_refused(&said, EVE, ErrorCode::NotInRoom);
    assert_refused(&act(&mut rooms, EVE, HostAction::End {}), EVE, ErrorCode::NotInRoom);
    assert_refused(&join(&mut rooms, EVE, "Eve"), EVE, ErrorCode::UnexpectedMessage);
    // And hears nothing of what is said there.
    set_door(&mut rooms, ADA, Door::Open);
    joined(&mut rooms, BOB, "Bob");
    set_door(&mut rooms, ADA, Door::Lobby);
    knock(&mut rooms, JOE, "Joe");
    let told = say(&mut rooms, BOB, ClientMessage::Media(ALL_OFF));
    assert!(told.iter().all(|delivery| delivery.to != JOE), "{told:?}");
}

#[test]
fn who_is_denied_or_gives_up_is_gone_and_may_knock_again() {
    let mut rooms = rooms(2);
    joined(&mut rooms, ADA, "Ada");
    set_door(&mut rooms, ADA, Door::Lobby);
    let eve = knock(&mut rooms, EVE, "Eve");
    let ended = |participant| to(ADA, ServerMessage::KnockEnded { participant });
    let denied = act(&mut rooms, ADA, HostAction::Deny { participant: eve.clone() });
    assert_eq!(denied, [ended(eve), to(EVE, ServerMessage::TurnedAway)]);
    let eve = knock(&mut rooms, EVE, "Eve");
    assert_eq!(say(&mut rooms, EVE, ClientMessage::Leave), [ended(eve)]);
    let eve = knock(&mut rooms, EVE, "Eve");
    assert_eq!(rooms.handle_end(EVE), [ended(eve)]);
    assert!(!rooms.hold(EVE));
}

#[test]
fn a_full_room_lets_nobody_in_but_keeps_them_waiting() {
    let mut rooms = rooms(2);
    joined(&mut rooms, ADA, "Ada");
    joined(&mut rooms, BOB, "Bob");
    set_door(&mut rooms, ADA, Door::Lobby);
    let eve = knock(&mut rooms, EVE, "Eve");
    let admitted = act(&mut rooms, ADA, HostAction::Admit { participant: eve.clone() });
    assert_refused(&admitted, ADA, ErrorCode::RoomFull);
    say(&mut rooms, BOB, ClientMessage::Leave);
    act(&mut rooms, ADA, HostAction::Admit { participant: eve });
    assert!(is_in(&mut rooms, EVE));
}

#[test]
fn a_lobby_is_bounded() {
    let mut rooms = rooms(2);
    joined(&mut rooms, ADA, "Ada");
    set_door(&mut rooms, ADA, Door::Lobby);
    for number in 0..room::LOBBY_SIZE as u64 {
        knock(&mut rooms, SessionId(100 + number), "X");
    }
    assert_refused(&join(&mut rooms, EVE, "Eve"), EVE, ErrorCode::RoomFull);
}

#[test]
fn opening_the_door_lets_in_as_many_as_fit() {
    let mut rooms = rooms(2);
    joined(&mut rooms, ADA, "Ada");
    set_door(&mut rooms, ADA, Door::Lobby);
    knock(&mut rooms, EVE, "Eve");
    knock(&mut rooms, BOB, "Bob");
    let told = act(&mut rooms, ADA, HostAction::SetDoor { door: Door::Open });
    assert!(is_in(&mut rooms, EVE) && !is_in(&mut rooms, BOB));
    assert_eq!(told.last(), Some(&to(BOB, ServerMessage::TurnedAway)));
    assert!(!rooms.hold(BOB));
}

#[test]
fn when_the_last_one_leaves_who_waits_comes_in_in_order() {
    let mut rooms =
        Rooms::new(NonZeroUsize::new(3).expect("room"), Door::Lobby, false, StdRng::seed_from_u64(7));
    joined(&mut rooms, ADA, "Ada");
    knock(&mut rooms, EVE, "Eve");
    let bob = knock(&mut rooms, BOB, "Bob");
    let told = say(&mut rooms, ADA, ClientMessage::Leave);
    let [
        Delivery { to: EVE, message: ServerMessage::Joined { host: true, participants, .. } },
        Delivery { to: BOB, message: ServerMessage::Waiting { you, .. } },
        Delivery { to: EVE, message: ServerMessage::Knock(heard) },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!((participants.len(), you, &heard.participant), (0, &bob, &bob));
}

#[test]
fn a_new_host_hears_of_all_who_wait() {
    let mut rooms = rooms(3);
    joined(&mut rooms, ADA, "Ada");
    joined(&mut rooms, BOB, "Bob");
    set_door(&mut rooms, ADA, Door::Lobby);
    let eve = knock(&mut rooms, EVE, "Eve");
    let told = say(&mut rooms, ADA, ClientMessage::Leave);
    let name = DisplayName::new("Eve").expect("a name");
    assert_eq!(told.last(), Some(&to(BOB, ServerMessage::Knock(Knock { participant: eve, name }))));
}

#[test]
fn muting_is_told_to_whom_it_concerns() {
    let mut rooms = rooms(3);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    let (bob, _) = joined(&mut rooms, BOB, "Bob");
    joined(&mut rooms, EVE, "Eve");
    let muted = ServerMessage::Muted { by: ada.clone() };
    assert_eq!(act(&mut rooms, ADA, HostAction::Mute { participant: bob }), [to(BOB, muted.clone())]);
    let all = act(&mut rooms, ADA, HostAction::MuteAll {});
    assert_eq!(all, [to(BOB, muted.clone()), to(EVE, muted)]);
    let self_muted = act(&mut rooms, ADA, HostAction::Mute { participant: ada });
    assert_refused(&self_muted, ADA, ErrorCode::UnknownParticipant);
}

#[test]
fn who_is_removed_hears_it_and_may_not_come_again_while_the_room_is_open() {
    let mut rooms = rooms(3);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    let (bob, _) = joined(&mut rooms, BOB, "Bob");
    joined(&mut rooms, EVE, "Eve");
    let removed = act(&mut rooms, ADA, HostAction::Remove { participant: bob.clone() });
    let left = ServerMessage::ParticipantLeft { participant: bob, reason: LeaveReason::Removed };
    assert_eq!(removed, [to(ADA, left.clone()), to(EVE, left.clone()), to(BOB, left)]);
    assert_refused(&join(&mut rooms, BOB, "Rob"), BOB, ErrorCode::RoomLocked);
    let itself = act(&mut rooms, ADA, HostAction::Remove { participant: ada });
    assert_refused(&itself, ADA, ErrorCode::UnknownParticipant);
    for who in [ADA, EVE] {
        say(&mut rooms, who, ClientMessage::Leave);
    }
    joined(&mut rooms, BOB, "Bob");
}

#[test]
fn the_end_is_for_everybody() {
    let mut rooms = rooms(2);
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    let (bob, _) = joined(&mut rooms, BOB, "Bob");
    set_door(&mut rooms, ADA, Door::Lobby);
    knock(&mut rooms, EVE, "Eve");
    let ended = act(&mut rooms, ADA, HostAction::End {});
    let left = |participant| ServerMessage::ParticipantLeft { participant, reason: LeaveReason::Ended };
    assert_eq!(ended, [to(ADA, left(ada)), to(BOB, left(bob)), to(EVE, ServerMessage::TurnedAway)]);
    assert!(rooms.rooms.is_empty() && rooms.stays.is_empty());
    let (_, seen) = joined(&mut rooms, BOB, "Bob");
    assert_eq!(seen, []);
}

#[test]
fn who_was_removed_is_known_by_another_name_and_over_another_connection() {
    let mut rooms = rooms(3);
    joined(&mut rooms, ADA, "Ada");
    let (bob, _) = joined(&mut rooms, BOB, "Bob");
    act(&mut rooms, ADA, HostAction::Remove { participant: bob });
    assert_refused(&join_with(&mut rooms, EVE, "Eve", &guest(BOB)), EVE, ErrorCode::RoomLocked);
}

#[test]
fn a_token_makes_hosts_whom_no_door_stops_and_then_nobody_else_is_one() {
    let mut rooms = rooms(3);
    let host = Grant::invited("host").with(&[Permission::Host]);
    joined(&mut rooms, ADA, "Ada");
    set_door(&mut rooms, ADA, Door::Locked);
    let coming = join_with(&mut rooms, BOB, "Bob", &host);
    assert!(matches!(coming[0].message, ServerMessage::Joined { host: true, .. }), "{coming:?}");
    set_door(&mut rooms, BOB, Door::Open);
    joined(&mut rooms, EVE, "Eve");
    say(&mut rooms, ADA, ClientMessage::Leave);
    let left = say(&mut rooms, BOB, ClientMessage::Leave);
    assert_eq!(left.len(), 1, "nobody is appointed: {left:?}");
    assert_refused(&act(&mut rooms, EVE, HostAction::MuteAll {}), EVE, ErrorCode::NotHost);
}

#[test]
fn a_token_may_let_its_owner_past_the_lobby_but_not_through_a_lock() {
    let mut rooms = rooms(3);
    let known = Grant::invited("known").with(&[Permission::BypassLobby]);
    joined(&mut rooms, ADA, "Ada");
    set_door(&mut rooms, ADA, Door::Locked);
    assert_refused(&join_with(&mut rooms, BOB, "Bob", &known), BOB, ErrorCode::RoomLocked);
    set_door(&mut rooms, ADA, Door::Lobby);
    join_with(&mut rooms, BOB, "Bob", &known);
    assert!(is_in(&mut rooms, BOB));
}

#[test]
fn who_may_not_open_rooms_comes_when_they_are_open() {
    let mut rooms = rooms(2);
    let invited = Grant::invited("invited").with(&[]);
    assert_refused(&join_with(&mut rooms, BOB, "Bob", &invited), BOB, ErrorCode::Forbidden);
    joined(&mut rooms, ADA, "Ada");
    join_with(&mut rooms, BOB, "Bob", &invited);
    assert!(is_in(&mut rooms, BOB));
}
