//! Who was here before a server forgot the room, or says so.

use visavis_protocol::{Again, HostAction};

use super::*;

/// An id of the one in the room, as another run of the server may have drawn it.
fn id_elsewhere(who: SessionId, room_name: &str) -> ParticipantId {
    let mut rng = StdRng::seed_from_u64(who.0 + 100);
    certified::draw_participant(&mut rng, &token(who), &room(room_name))
}

fn again(you: &ParticipantId, others: &[&ParticipantId], door: Door) -> Again {
    Again { you: you.clone(), others: others.iter().map(|&id| id.clone()).collect(), door }
}

fn come_back(rooms: &mut Rooms, who: SessionId, again: Again) -> Vec<Delivery> {
    come_back_to(rooms, who, &room("owl"), MediaState::default(), again)
}

fn come_back_to(
    rooms: &mut Rooms,
    who: SessionId,
    room: &RoomName,
    media: MediaState,
    again: Again,
) -> Vec<Delivery> {
    let name = DisplayName::new("Somebody").expect("a name");
    say(rooms, who, ClientMessage::Join(Join { room: room.clone(), name, media, again: Some(again) }))
}

#[track_caller]
fn you_and_others(deliveries: &[Delivery], who: SessionId) -> (ParticipantId, Vec<(ParticipantId, Role)>) {
    match deliveries {
        [Delivery { to, message: ServerMessage::Joined { you, participants, .. } }, ..] if *to == who => {
            (you.clone(), participants.iter().map(|other| (other.id.clone(), other.role)).collect())
        }
        other => panic!("{who:?} did not come in: {other:?}"),
    }
}

#[test]
fn a_room_that_is_forgotten_is_opened_as_it_was_for_those_who_were_there() {
    let mut rooms = rooms(3);
    let [ada, bob] = [ADA, BOB].map(|who| id_elsewhere(who, "owl"));
    let deliveries = come_back(&mut rooms, ADA, again(&ada, &[&bob], Door::Locked));
    let [Delivery { message: ServerMessage::Joined { you, host: true, door: Door::Locked, .. }, .. }] =
        deliveries.as_slice()
    else {
        panic!("{deliveries:?}");
    };
    assert_eq!(*you, ada);

    assert_refused(&join(&mut rooms, EVE, "Eve"), EVE, ErrorCode::RoomLocked);
    let deliveries = come_back(&mut rooms, BOB, again(&bob, &[&ada], Door::Open));
    assert_eq!(you_and_others(&deliveries, BOB), (bob.clone(), vec![(ada, Role::Offerer)]));
    assert!(matches!(&deliveries[1].message,
        ServerMessage::ParticipantJoined { participant } if participant.id == bob && participant.role == Role::Answerer));
    // The word for him was for once.
    say(&mut rooms, BOB, ClientMessage::Leave);
    let deliveries = come_back(&mut rooms, BOB, again(&bob, &[], Door::Open));
    assert_refused(&deliveries, BOB, ErrorCode::RoomLocked);
}

#[test]
fn an_id_of_somebody_else_or_another_room_is_not_taken_for_ones_own() {
    for forged in
        [id_elsewhere(BOB, "owl"), id_elsewhere(ADA, "fox"), ParticipantId::new("x").expect("an id")]
    {
        let mut rooms = rooms(3);
        let deliveries = come_back(&mut rooms, ADA, again(&forged, &[], Door::Locked));
        assert_ne!(you_and_others(&deliveries, ADA).0, forged);
        // What it remembers is not taken up either.
        joined(&mut rooms, EVE, "Eve");
    }
}

#[test]
fn who_finds_that_a_newcomer_was_first_is_who_it_was_as_far_as_the_door_lets_it_in() {
    for (door, comes_in) in [(Door::Open, true), (Door::Locked, false)] {
        let mut rooms = rooms(3);
        joined(&mut rooms, EVE, "Eve");
        say(&mut rooms, EVE, ClientMessage::Host(HostAction::SetDoor { door }));
        let ada = id_elsewhere(ADA, "owl");
        let deliveries = come_back(&mut rooms, ADA, again(&ada, &[], Door::Open));
        match comes_in {
            true => assert_eq!(you_and_others(&deliveries, ADA).0, ada),
            false => assert_refused(&deliveries, ADA, ErrorCode::RoomLocked),
        }
    }
}

#[test]
fn whom_the_others_have_seen_leave_is_somebody_new() {
    let mut rooms = rooms(3);
    joined(&mut rooms, BOB, "Bob");
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    rooms.handle_end(ADA);
    let deliveries = come_back(&mut rooms, ADA, again(&ada, &[], Door::Open));
    assert_ne!(you_and_others(&deliveries, ADA).0, ada);
}

#[test]
fn who_comes_back_to_its_place_takes_it_over_and_nobody_hears_of_it() {
    let mut rooms = rooms(3);
    let (_, seen) = joined(&mut rooms, EVE, "Eve");
    assert!(seen.is_empty());
    let (ada, _) = joined(&mut rooms, ADA, "Ada");
    let (bob, _) = joined(&mut rooms, BOB, "Bob");
    rooms.handle_absence(ADA);

    let anew = SessionId(9);
    let name = DisplayName::new("Ada").expect("a name");
    let back = |media| {
        let again = Some(again(&ada, &[], Door::Open));
        ClientMessage::Join(Join { room: room("owl"), name: name.clone(), media, again })
    };
    let deliveries = rooms.handle(speaker(anew, &token(ADA), &guest(ADA)), back(ALL_OFF));
    let (you, others) = you_and_others(&deliveries, anew);
    assert_eq!((you, deliveries.len()), (ada.clone(), 1));
    assert_eq!(others[0].1, Role::Offerer, "to who was there before");
    assert_eq!(others[1], (bob, Role::Answerer));
    assert_eq!(rooms.take_replaced(), [ADA]);
    assert_eq!(rooms.handle_end(ADA), [], "the old session has nothing left");

    let camera_on = MediaState { camera: true, ..ALL_OFF };
    let later = SessionId(10);
    let deliveries = rooms.handle(speaker(later, &token(ADA), &guest(ADA)), back(camera_on));
    let told = ServerMessage::Media { from: ada, media: camera_on };
    assert_eq!(deliveries[1..], [EVE, BOB].map(|to| Delivery { to, message: told.clone() }));
}

#[test]
fn somebody_who_was_removed_stays_out_of_what_was_opened_anew() {
    let mut rooms = rooms(3);
    let [ada, bob] = [ADA, BOB].map(|who| id_elsewhere(who, "owl"));
    come_back(&mut rooms, ADA, again(&ada, &[&bob], Door::Open));
    come_back(&mut rooms, BOB, again(&bob, &[], Door::Open));
    say(&mut rooms, ADA, ClientMessage::Host(HostAction::Remove { participant: bob.clone() }));
    let deliveries = come_back(&mut rooms, BOB, again(&bob, &[], Door::Open));
    assert_refused(&deliveries, BOB, ErrorCode::RoomLocked);
}

#[test]
fn who_opens_a_room_anew_vouches_for_no_more_than_fit_in() {
    let mut rooms = rooms(2);
    let [ada, bob] = [ADA, BOB].map(|who| id_elsewhere(who, "owl"));
    let many: Vec<_> = (20..30).map(|who| id_elsewhere(SessionId(who), "owl")).collect();
    let others: Vec<_> = many.iter().chain([&bob]).collect();
    come_back(&mut rooms, ADA, again(&ada, &others, Door::Locked));
    let deliveries = come_back(&mut rooms, BOB, again(&bob, &[], Door::Open));
    assert_refused(&deliveries, BOB, ErrorCode::RoomLocked);
}

#[test]
fn two_strangers_find_each_other_again_and_nobody_else_comes_in() {
    let mut rooms = rooms(8);
    let name = certified::draw_strangers(&mut StdRng::seed_from_u64(3), [&token(ADA), &token(BOB)]);
    let [ada, bob, eve] = [ADA, BOB, EVE].map(|who| id_elsewhere(who, name.as_str()));

    let deliveries = come_back_to(&mut rooms, EVE, &name, ALL_OFF, again(&eve, &[&ada], Door::Open));
    assert_refused(&deliveries, EVE, ErrorCode::RoomLocked);
    // Not even one of the two, without having been there.
    let called = DisplayName::new("Ada").expect("a name");
    let message = Join { room: name.clone(), name: called, media: ALL_OFF, again: None };
    assert_refused(&say(&mut rooms, ADA, ClientMessage::Join(message)), ADA, ErrorCode::RoomLocked);

    let deliveries = come_back_to(&mut rooms, ADA, &name, ALL_OFF, again(&ada, &[&bob], Door::Open));
    assert!(
        matches!(deliveries[0].message, ServerMessage::Joined { host: false, door: Door::Locked, .. }),
        "{deliveries:?}"
    );
    let deliveries = come_back_to(&mut rooms, BOB, &name, ALL_OFF, again(&bob, &[&ada], Door::Open));
    assert_eq!(you_and_others(&deliveries, BOB), (bob, vec![(ada, Role::Offerer)]));
    say(&mut rooms, ADA, ClientMessage::Leave);
    assert!(rooms.room_of(BOB).is_ok_and(|room| room.members().iter().all(|member| !member.is_host())));
}
