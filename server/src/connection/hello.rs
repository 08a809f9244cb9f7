//! A client says hello: what its token lets it do, whether it has a place, and what it is told of the server.

use std::time::SystemTime;

use tokio::time::Instant;
use tracing::{Instrument as _, debug};
use visavis_protocol::{AccessToken, ErrorCode, Hello, PROTOCOL_VERSION, ServerMessage};

use super::Connection;
use super::ending::Ending;
use crate::access::Admitted;
use crate::conversation::Complaint;
use crate::hub::Greeting;
use crate::telemetry::spans;

impl Connection {
    pub(super) async fn on_hello(&mut self, hello: Hello) -> Result<(), Ending> {
        let span = spans::hello();
        let greeted = self.greet(hello).instrument(span.clone()).await;
        if let Err(Ending::Told(complaint) | Ending::ToldUnheard(complaint)) = &greeted {
            spans::fail(&span, complaint.code.as_str());
        }
        greeted
    }

    async fn greet(&mut self, hello: Hello) -> Result<(), Ending> {
        debug!(connection = self.id.0, client = shortened(&hello.client), "hello");
        let admitted = tokio::select! {
            admitted = self.shared.access.admit(hello.token.as_ref(), SystemTime::now()) => admitted,
            dismissal = self.inbox.dismissed() => return Err(dismissal.into()),
        };
        let Admitted { grant, guest } = admitted
            .map_err(|error| Ending::Told(Complaint::new(ErrorCode::Unauthorized, error.to_string())))?;
        let place = self.shared.identities.admit(grant.identity.clone());
        self.place = Some(place.map_err(|too_many| {
            Ending::Told(Complaint {
                retry_after: Some(too_many.retry_after),
                ..Complaint::new(ErrorCode::RateLimited, "you have too many connections")
            })
        })?);
        let is_newcomer = grant.is_newcomer();
        // At a time of its own: many come at once when a server begins anew, and their pings would for ever.
        self.deadline = Instant::now() + self.shared.timing.ping.mul_f64(rand::random());
        let source = self.admission.source();
        let greeting = self.shared.hub.greet(self.id, source, hello.resume, grant).await?;
        self.keep_alive.begin(greeting.read);
        // Who goes on with a session without having shown anything stays who they were.
        let guest = guest.filter(|_| !(is_newcomer && greeting.resumed.is_some()));
        self.say(&self.welcome(greeting, guest)).await
    }

    fn welcome(&self, greeting: Greeting, guest: Option<AccessToken>) -> ServerMessage {
        ServerMessage::Welcome {
            protocol: PROTOCOL_VERSION,
            server: concat!("visavis-server/", env!("CARGO_PKG_VERSION")).to_owned(),
            ice_servers: self.shared.ice.servers(&greeting.session, SystemTime::now()),
            session: Some(greeting.session),
            resumed: greeting.resumed,
            guest,
            ice_mode: self.shared.ice.mode(),
            path_reports: self.shared.path_reports,
        }
    }
}

/// The beginning of a text that a client chose, with control characters escaped.
fn shortened(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
