//! A server that is started anew, and those who were in rooms of the old one.

use std::num::NonZeroUsize;

use visavis_protocol::{
    Again, ClientMessage, DescriptionKind, DisplayName, Door, ErrorCode, HostAction, Join, MediaState,
    ParticipantId, Role, RoomName, ServerMessage, SessionToken,
};
use visavis_server::{Config, MatchingConfig, RoomsConfig};

use crate::matching::{hear_met, hear_queued, seek, seeking};
use crate::support::{Client, MEDIA, TestServer, description, join, resuming};

/// A new process: it knows nothing of those that were before.
async fn server_for(size: usize, door: Door) -> TestServer {
    let rooms = RoomsConfig { size: NonZeroUsize::new(size).expect("room"), door };
    let matching = MatchingConfig { enabled: true, ..MatchingConfig::default() };
    TestServer::start_with(Config { rooms, matching, ..Config::default() }).await
}

/// Somebody who was in a room of a server that is gone.
struct Returner {
    name: &'static str,
    session: SessionToken,
    you: ParticipantId,
}

impl Returner {
    /// Connects to a server, which has to take up the session's token.
    async fn connect(&self, server: &TestServer) -> Client {
        let (client, session, resumed) = Client::greeted(server, &resuming(&self.session, 7)).await;
        assert_eq!((root(&session), resumed), (root(&self.session), None));
        client
    }

    fn again(&self, room: &str, others: &[&ParticipantId], door: Door) -> ClientMessage {
        let others = others.iter().map(|&id| id.clone()).collect();
        returning(room, self.name, Again { you: self.you.clone(), others, door })
    }
}

fn returning(room: &str, name: &str, again: Again) -> ClientMessage {
    ClientMessage::Join(Join {
        room: RoomName::new(room).expect("a room name"),
        name: DisplayName::new(name).expect("a display name"),
        media: MEDIA,
        again: Some(again),
    })
}

async fn hear_in_room(client: &mut Client) -> (ParticipantId, Vec<(ParticipantId, Role)>, Door) {
    match client.hear().await {
        ServerMessage::Joined { you, participants, door, .. } => {
            (you, participants.into_iter().map(|other| (other.id, other.role)).collect(), door)
        }
        other => panic!("not in the room: {other:?}"),
    }
}

/// Two in a room, each with its session.
async fn call(server: &TestServer, room: &str) -> [Returner; 2] {
    let (mut ada, ada_session) = Client::begun(server).await;
    let (ada_id, _) = ada.join(room, "Ada").await;
    let (mut bob, bob_session) = Client::begun(server).await;
    let (bob_id, _) = bob.join(room, "Bob").await;
    [
        Returner { name: "Ada", session: ada_session, you: ada_id },
        Returner { name: "Bob", session: bob_session, you: bob_id },
    ]
}

#[tokio::test]
async fn two_in_a_call_go_on_with_another_server_as_who_they_were() {
    let [ada, bob] = call(&server_for(2, Door::Open).await, "owl").await;
    let server = server_for(2, Door::Open).await;
    let mut bobs = bob.connect(&server).await;
    bobs.say(&bob.again("owl", &[&ada.you], Door::Open)).await;
    assert_eq!(hear_in_room(&mut bobs).await, (bob.you.clone(), vec![], Door::Open));
    let mut adas = ada.connect(&server).await;
    adas.say(&ada.again("owl", &[&bob.you], Door::Open)).await;
    let (you, others, _) = hear_in_room(&mut adas).await;
    assert_eq!((&you, others), (&ada.you, vec![(bob.you.clone(), Role::Offerer)]));
    let joined = bobs.hear_joined().await;
    assert_eq!((joined.id, joined.role), (ada.you.clone(), Role::Answerer));

    let offer = description(DescriptionKind::Offer, 2, 2000);
    adas.say(&ClientMessage::Description { to: bob.you.clone(), description: offer.clone() }).await;
    assert_eq!(bobs.hear().await, ServerMessage::Description { from: ada.you, description: offer });
}

#[tokio::test]
async fn a_locked_call_is_locked_again_and_lets_in_who_was_there() {
    // Where every room has a lobby, nobody waits in it who was in the call.
    let [ada, bob] = call(&server_for(3, Door::Open).await, "owl").await;
    let server = server_for(3, Door::Lobby).await;
    let mut adas = ada.connect(&server).await;
    adas.say(&ada.again("owl", &[&bob.you], Door::Locked)).await;
    assert_eq!(hear_in_room(&mut adas).await.2, Door::Locked);

    let mut eve = Client::welcomed(&server).await;
    eve.say(&join("owl", "Eve")).await;
    assert_eq!(eve.hear_error().await, ErrorCode::RoomLocked);
    let mut bobs = bob.connect(&server).await;
    bobs.say(&bob.again("owl", &[&ada.you], Door::Locked)).await;
    assert_eq!(hear_in_room(&mut bobs).await.0, bob.you);
}

#[tokio::test]
async fn who_names_somebody_elses_id_or_one_of_another_room_is_somebody_new() {
    let old = server_for(3, Door::Open).await;
    let [ada, bob] = call(&old, "owl").await;
    let [fox, _] = call(&old, "fox").await;
    let server = server_for(8, Door::Open).await;
    let mut adas = ada.connect(&server).await;
    adas.say(&ada.again("owl", &[&bob.you], Door::Locked)).await;
    hear_in_room(&mut adas).await;

    // Ada has vouched for Bob, and it is not Bob who comes, with whatever token.
    for (token, forged) in [(&fox.session, &bob.you), (&fox.session, &ada.you), (&fox.session, &fox.you)] {
        let (mut eve, ..) = Client::greeted(&server, &resuming(token, 0)).await;
        let again = Again { you: forged.clone(), others: Vec::new(), door: Door::Open };
        eve.say(&returning("owl", "Eve", again)).await;
        assert_eq!(eve.hear_error().await, ErrorCode::RoomLocked);
        eve.break_off().await;
    }
    // And whoever opens a room with a foreign id gets one of its own.
    let mut eve = Client::welcomed(&server).await;
    let again = Again { you: bob.you.clone(), others: vec![ada.you], door: Door::Locked };
    eve.say(&returning("hen", "Eve", again)).await;
    let (you, _, door) = hear_in_room(&mut eve).await;
    assert!(you != bob.you && door == Door::Open);
}

#[tokio::test]
async fn a_token_is_for_one_session_however_many_have_it() {
    let [ada, _] = call(&server_for(2, Door::Open).await, "owl").await;
    let server = server_for(2, Door::Open).await;
    let mut first = ada.connect(&server).await;
    first.say(&ada.again("owl", &[], Door::Open)).await;
    hear_in_room(&mut first).await;
    // The second one claims to have heard what was never said, and begins anew; the place is the same one.
    let mut second = ada.connect(&server).await;
    second.say(&ada.again("owl", &[], Door::Open)).await;
    assert_eq!(hear_in_room(&mut second).await.0, ada.you);
    assert_eq!(first.hear_end().await, (ErrorCode::Superseded, 1008));
}

#[tokio::test]
async fn who_has_missed_too_much_takes_its_place_over_and_nobody_hears_of_it() {
    let server = server_for(3, Door::Open).await;
    let (mut ada, session) = Client::begun(&server).await;
    let (you, _) = ada.join("owl", "Ada").await;
    let mut bob = Client::welcomed(&server).await;
    let (bob_id, _) = bob.join("owl", "Bob").await;
    ada.break_off().await;
    let media = MediaState { camera: true, ..MEDIA };
    for switch in 0..70 {
        let media = if switch % 2 == 0 { media } else { MEDIA };
        bob.say(&ClientMessage::Media(media)).await;
    }
    // An answer to something else says that all of that has been handled.
    bob.say(&ClientMessage::Host(HostAction::MuteAll {})).await;
    assert_eq!(bob.hear_error().await, ErrorCode::NotHost);

    let ada = Returner { name: "Ada", session, you };
    let (mut adas, token, resumed) = Client::greeted(&server, &resuming(&ada.session, 1)).await;
    assert_eq!((root(&token), resumed), (root(&ada.session), None));
    adas.say(&ada.again("owl", &[&bob_id], Door::Open)).await;
    let (you, others, _) = hear_in_room(&mut adas).await;
    assert_eq!((&you, others), (&ada.you, vec![(bob_id.clone(), Role::Answerer)]));

    // The first that Bob hears of her.
    adas.say(&ClientMessage::Media(media)).await;
    assert_eq!(bob.hear().await, ServerMessage::Media { from: ada.you, media });
    bob.say(&ClientMessage::Media(media)).await;
    assert_eq!(adas.hear().await, ServerMessage::Media { from: bob_id, media });
}

#[tokio::test]
async fn who_has_left_for_the_others_is_somebody_new() {
    let server = server_for(3, Door::Open).await;
    let [ada, bob] = call(&server, "owl").await;
    let (mut bobs, _, resumed) = Client::greeted(&server, &resuming(&bob.session, 1)).await;
    assert!(resumed.is_some());
    let (mut adas, ..) = Client::greeted(&server, &resuming(&ada.session, 2)).await;
    adas.say(&ClientMessage::Leave).await;
    bobs.hear_left().await;
    adas.say(&ada.again("owl", &[&bob.you], Door::Open)).await;
    loop {
        match adas.hear().await {
            ServerMessage::Joined { you, .. } => break assert_ne!(you, ada.you),
            ServerMessage::ParticipantJoined { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn strangers_find_each_other_again_then_leave_and_meet_others() {
    let old = server_for(2, Door::Open).await;
    let (mut ada, ada_session) = Client::begun(&old).await;
    ada.say(&seek("Ada")).await;
    hear_queued(&mut ada).await;
    let (mut bob, bob_session) = Client::begun(&old).await;
    bob.say(&seek("Bob")).await;
    let (room, ada_id, _) = hear_met(&mut ada).await;
    let (_, bob_id, _) = hear_met(&mut bob).await;
    let ada = Returner { name: "Ada", session: ada_session, you: ada_id };
    let bob = Returner { name: "Bob", session: bob_session, you: bob_id };

    let server = server_for(8, Door::Open).await;
    // Somebody has learnt the room's name, and is the first.
    let mut eve = Client::welcomed(&server).await;
    eve.say(&join(room.as_str(), "Eve")).await;
    assert_eq!(eve.hear_error().await, ErrorCode::RoomLocked);

    let mut adas = ada.connect(&server).await;
    adas.say(&ada.again(room.as_str(), &[&bob.you], Door::Locked)).await;
    assert_eq!(hear_in_room(&mut adas).await, (ada.you.clone(), vec![], Door::Locked));
    let mut bobs = bob.connect(&server).await;
    bobs.say(&bob.again(room.as_str(), &[&ada.you], Door::Locked)).await;
    assert_eq!(hear_in_room(&mut bobs).await.0, bob.you);
    adas.hear_joined().await;
    eve.say(&join(room.as_str(), "Eve")).await;
    assert_eq!(eve.hear_error().await, ErrorCode::RoomLocked);
    adas.say(&ClientMessage::Host(HostAction::End {})).await;
    assert_eq!(adas.hear_error().await, ErrorCode::NotHost, "nobody is host there");

    // What was sought is forgotten, and can be said again.
    adas.say(&ClientMessage::Next).await;
    assert_eq!(adas.hear_error().await, ErrorCode::NotInRoom);
    adas.say(&ClientMessage::Leave).await;
    adas.say(&seek("Ada")).await;
    bobs.hear_left().await;
    hear_queued(&mut adas).await;
    let mut joe = seeking(&server, seek("Joe")).await;
    assert_eq!(hear_met(&mut joe).await.2.name.as_str(), "Ada");
}

/// What the tokens of one client have in common.
fn root(session: &SessionToken) -> &str {
    session.as_str().split('.').next().unwrap_or_default()
}
