//! What participants say to each other.

use visavis_protocol::{
    Candidate, ClientMessage, DescriptionKind, ErrorCode, MAX_MESSAGE_BYTES, MediaState, ServerMessage,
    to_text,
};

use crate::support::{Call, Client, TestServer, description};

#[tokio::test]
async fn an_exchange_arrives_whole_and_in_order() {
    let server = TestServer::start().await;
    let mut ada = Client::welcomed(&server).await;
    let (ada_id, _) = ada.join("owl", "Ada").await;
    let mut bob = Client::welcomed(&server).await;
    let (bob_id, _) = bob.join("owl", "Bob").await;
    ada.hear_joined().await;

    let offer = description(DescriptionKind::Offer, 1, 8000);
    let candidates: Vec<_> = (0..32)
        .map(|n| Candidate {
            candidate: format!("candidate:{n} 1 udp 2122260223 192.0.2.1 {} typ host", 50_000 + n),
            mid: "0".to_owned(),
            ufrag: "Yx7k".to_owned(),
        })
        .collect();
    let media = MediaState { microphone: false, camera: true, screen: false };

    bob.say(&ClientMessage::Description { to: ada_id.clone(), description: offer.clone() }).await;
    bob.say(&ClientMessage::Candidates { to: ada_id.clone(), candidates: candidates.clone() }).await;
    bob.say(&ClientMessage::EndOfCandidates { to: ada_id, ufrag: "Yx7k".to_owned() }).await;
    bob.say(&ClientMessage::Media(media)).await;

    let from = bob_id;
    assert_eq!(ada.hear().await, ServerMessage::Description { from: from.clone(), description: offer });
    assert_eq!(ada.hear().await, ServerMessage::Candidates { from: from.clone(), candidates });
    let end = ServerMessage::EndOfCandidates { from: from.clone(), ufrag: "Yx7k".to_owned() };
    assert_eq!(ada.hear().await, end);
    assert_eq!(ada.hear().await, ServerMessage::Media { from, media });
}

#[tokio::test]
async fn the_largest_message_passes() {
    let server = TestServer::start().await;
    let mut ada = Client::welcomed(&server).await;
    let (ada_id, _) = ada.join("owl", "Ada").await;
    let mut bob = Client::welcomed(&server).await;
    let (bob_id, _) = bob.join("owl", "Bob").await;
    ada.hear_joined().await;

    let mut offer = description(DescriptionKind::Offer, 1, 0);
    let empty = to_text(&ClientMessage::Description { to: ada_id.clone(), description: offer.clone() });
    offer.sdp = "x".repeat(MAX_MESSAGE_BYTES - empty.len() - "from".len());
    bob.say(&ClientMessage::Description { to: ada_id, description: offer.clone() }).await;
    assert_eq!(ada.hear().await, ServerMessage::Description { from: bob_id, description: offer });
}

#[tokio::test]
async fn nobody_in_another_room_is_reached() {
    let server = TestServer::start().await;
    let mut call = Call::begin(&server, "owl").await;
    let mut ada = Client::welcomed(&server).await;
    let (ada_id, _) = ada.join("fox", "Ada").await;
    let mut eve = Client::welcomed(&server).await;
    eve.join("elk", "Eve").await;

    let offer = description(DescriptionKind::Offer, 1, 100);
    eve.say(&ClientMessage::Description { to: ada_id, description: offer }).await;
    assert_eq!(eve.hear_error().await, ErrorCode::UnknownParticipant);
    eve.say(&ClientMessage::Media(MediaState::default())).await;
    eve.say(&ClientMessage::Leave).await;

    let mut bob = Client::welcomed(&server).await;
    let (bob_id, _) = bob.join("fox", "Bob").await;
    assert_eq!(ada.hear_joined().await.id, bob_id, "the first that Ada hears");
    call.assert_untouched().await;
}
