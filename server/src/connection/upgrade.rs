//! From a request to a WebSocket: RFC 6455 section 4.2.
//!
//! The stream is taken out of what HTTP has wrapped around it: nothing of that is asked again for each message.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{self, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use tracing::{debug, error};
use tungstenite::handshake::server::create_response_with_body;

use super::socket::Socket;
use crate::front::Carrier;

/// A connection that is to be a WebSocket once its client has been answered.
#[derive(Debug)]
pub(crate) struct Upgrade(OnUpgrade);

impl Upgrade {
    /// What a request is answered, and the connection, if it was for a WebSocket.
    pub(crate) fn answer(request: &mut Request) -> (Response, Option<Self>) {
        if request.method() != Method::GET {
            return ((StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]).into_response(), None);
        }
        match create_response_with_body(request, Body::empty) {
            Ok(answer) => (answer, Some(Self(hyper::upgrade::on(request)))),
            // RFC 6455 section 4.4, RFC 9110 section 15.5.22.
            Err(error) => {
                let mut refusal =
                    (StatusCode::UPGRADE_REQUIRED, format!("this is for WebSockets: {error}\n"))
                        .into_response();
                let headers = refusal.headers_mut();
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                (refusal, None)
            }
        }
    }

    /// The WebSocket, once the answer is written; none if the connection has ended before.
    pub(super) async fn socket(self) -> Option<Socket> {
        let upgraded = self.0.await.inspect_err(|error| debug!(%error, "an upgrade came to nothing")).ok()?;
        let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<Carrier>>() else {
            error!("a WebSocket is not carried by what HTTP is");
            return None;
        };
        Some(Socket::new(io.into_inner(), read_buf.to_vec()))
    }
}
