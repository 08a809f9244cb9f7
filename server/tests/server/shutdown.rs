//! The end of the server.

use visavis_protocol::ErrorCode;

use crate::support::{Client, TestServer, within};

#[tokio::test]
async fn everybody_is_told_and_the_server_ends() {
    let server = TestServer::start().await;
    let mut fresh = Client::connect(&server).await;
    let mut idle = Client::welcomed(&server).await;
    let mut ada = Client::welcomed(&server).await;
    ada.join("owl", "Ada").await;
    let mut bob = Client::welcomed(&server).await;
    bob.join("owl", "Bob").await;
    ada.hear_joined().await;

    let address = server.address;
    let ends = async {
        let fresh = fresh.hear_end().await;
        let idle = idle.hear_end().await;
        let ada = ada.hear_end().await;
        let bob = bob.hear_end().await;
        [fresh, idle, ada, bob]
    };
    let (stopped, ends) = within(async { tokio::join!(server.stop(), ends) }).await;
    stopped.expect("the server ends well");
    assert_eq!(ends, [(ErrorCode::ShuttingDown, 1001); 4]);
    tokio::net::TcpStream::connect(address).await.expect_err("nobody listens any more");
}

#[tokio::test]
async fn a_client_that_ignores_it_does_not_hold_the_server_up() {
    let server = TestServer::start().await;
    let mut deaf = Client::welcomed(&server).await;
    deaf.join("owl", "Deaf").await;
    server.stop().await.expect("the server ends well");
}
