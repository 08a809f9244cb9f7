//! Strangers who are relayed until both want it otherwise.

use visavis_protocol::{Again, IceMode};

use super::*;

fn stranger(session: SessionId, name: &str) -> Stranger {
    let name = DisplayName::new(name).expect("a name");
    Stranger { session, identity: guest(session).identity, name, media: ALL_OFF }
}

/// Ada's id, and what both were told of paths.
fn meet(rooms: &mut Rooms) -> (ParticipantId, Vec<Option<IceMode>>) {
    let (ada, bob) = (token(ADA), token(BOB));
    let deliveries = rooms.open_for([(stranger(ADA, "Ada"), &ada), (stranger(BOB, "Bob"), &bob)]);
    let joined = deliveries.into_iter().filter_map(|delivery| {
        let ServerMessage::Joined { you, ice_mode, .. } = delivery.message else { return None };
        Some((you, ice_mode))
    });
    let (ids, modes): (Vec<_>, Vec<_>) = joined.unzip();
    (ids.into_iter().next().expect("Ada's id"), modes)
}

fn relaying() -> Rooms {
    Rooms::new(NonZeroUsize::new(2).expect("a room has room"), Door::Open, true, StdRng::seed_from_u64(7))
}

fn consent(rooms: &mut Rooms, who: SessionId) -> Vec<Delivery> {
    say(rooms, who, ClientMessage::Consent)
}

#[test]
fn one_consent_is_told_to_the_other_and_both_make_it_direct() {
    let mut rooms = relaying();
    let (ada, modes) = meet(&mut rooms);
    assert_eq!(modes, [Some(IceMode::Relay), Some(IceMode::Relay)]);
    assert_eq!(
        consent(&mut rooms, ADA),
        [Delivery { to: BOB, message: ServerMessage::Consent { from: ada } }]
    );
    let direct = |to| Delivery { to, message: ServerMessage::Direct };
    assert_eq!(consent(&mut rooms, BOB), [direct(ADA), direct(BOB)]);
}

#[test]
fn who_says_it_twice_has_said_it_once() {
    let mut rooms = relaying();
    meet(&mut rooms);
    consent(&mut rooms, ADA);
    assert_eq!(consent(&mut rooms, ADA), []);
    consent(&mut rooms, BOB);
    assert_eq!(consent(&mut rooms, BOB), []);
}

#[test]
fn consent_is_over_with_the_room() {
    let mut rooms = relaying();
    meet(&mut rooms);
    consent(&mut rooms, ADA);
    for session in [ADA, BOB] {
        rooms.handle_leave(session);
    }
    let (_, modes) = meet(&mut rooms);
    assert_eq!(modes, [Some(IceMode::Relay), Some(IceMode::Relay)]);
    assert!(matches!(
        *consent(&mut rooms, BOB),
        [Delivery { to: ADA, message: ServerMessage::Consent { .. } }]
    ));
}

#[test]
fn who_was_left_alone_consents_to_nobody() {
    let mut rooms = relaying();
    meet(&mut rooms);
    rooms.handle_leave(BOB);
    assert_eq!(consent(&mut rooms, ADA), []);
}

#[test]
fn where_nobody_asks_it_changes_nothing() {
    let mut rooms = rooms(2);
    let (_, modes) = meet(&mut rooms);
    assert_eq!(modes, [None, None]);
    assert_eq!(consent(&mut rooms, ADA), []);
    assert_refused(&consent(&mut rooms, EVE), EVE, ErrorCode::NotInRoom);
}

#[test]
fn who_comes_back_hears_that_the_other_has_consented_again() {
    let mut rooms = relaying();
    let (ada, bob) = (token(ADA), token(BOB));
    let deliveries = rooms.open_for([(stranger(ADA, "Ada"), &ada), (stranger(BOB, "Bob"), &bob)]);
    let stays = deliveries.into_iter().filter_map(|delivery| {
        let ServerMessage::Joined { room, you, .. } = delivery.message else { return None };
        Some((room, you))
    });
    let stays: Vec<_> = stays.collect();
    let [(room, ada), (_, bob)] = &stays[..] else { panic!("two stays, not {stays:?}") };

    let mut rooms = relaying();
    let back = |rooms: &mut Rooms, who, you: &ParticipantId, other: &ParticipantId| {
        let again = Again { you: you.clone(), others: vec![other.clone()], door: Door::Locked };
        let name = DisplayName::new("Somebody").expect("a name");
        say(
            rooms,
            who,
            ClientMessage::Join(Join { room: room.clone(), name, media: ALL_OFF, again: Some(again) }),
        )
    };
    back(&mut rooms, ADA, ada, bob);
    assert_eq!(consent(&mut rooms, ADA), []);
    let told = back(&mut rooms, BOB, bob, ada);
    assert!(
        told.contains(&Delivery { to: BOB, message: ServerMessage::Consent { from: ada.clone() } }),
        "{told:?}"
    );
    let direct = |to| Delivery { to, message: ServerMessage::Direct };
    assert_eq!(consent(&mut rooms, BOB), [direct(ADA), direct(BOB)]);
}
