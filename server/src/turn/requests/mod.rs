//! What clients ask for: who they are, and what becomes of it.

mod allocations;
mod permissions;

use stun_types::attribute::{
    AttributeStaticType as _, Fingerprint, MessageIntegrity, Nonce, Realm, Software, Username,
};
use stun_types::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageWriteVec,
};
use turn_types::attribute::{
    AdditionalAddressFamily, ChannelNumber, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport,
    ReservationToken, XorPeerAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH};

use super::allocation::Allocation;
use super::answer;
use super::protocol::{Now, Output, RelayId, Turn, answered};
use super::{Client, Refusal, credentials};
use crate::limits::Source;

/// A user that has shown who it is.
struct User {
    username: String,
    id: String,
    key: IntegrityKey,
}

/// Why a request does not go on.
enum Denied {
    /// By somebody who has not tried to show who it is.
    Unproven,
    /// By somebody unknown.
    Unknown(Refusal),
    /// By somebody who has to say again who it is.
    Challenged(Refusal),
    Known(Refusal, IntegrityKey),
}

impl Turn {
    pub(super) fn handle_request(&mut self, now: Now, client: Client, request: &Message<'_>) -> Output {
        let method = request.method();
        if ![ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND].contains(&method) {
            return Output::Nothing;
        }
        let user = match self.authenticate(now, client, request) {
            Ok(user) => user,
            Err(denied) => return self.deny(now, client, request, denied),
        };
        if let Some(refusal) = unknown_attributes(request) {
            self.metrics.refusal(Refusal::UnknownAttribute);
            return answered(answer::sign(refusal, &user.key));
        }
        let result = match method {
            ALLOCATE => self.allocate(now, client, request, &user),
            REFRESH => self.refresh(now, client, request, &user),
            CREATE_PERMISSION => self.create_permission(now, client, request, &user),
            _ => self.bind_channel(now, client, request, &user),
        };
        result.unwrap_or_else(|refusal| self.deny(now, client, request, Denied::Known(refusal, user.key)))
    }

    /// RFC 8489 section 9.2.4.
    fn authenticate(&self, now: Now, client: Client, request: &Message<'_>) -> Result<User, Denied> {
        if !request.has_attribute(MessageIntegrity::TYPE) {
            return Err(Denied::Unproven);
        }
        let attributes =
            (request.attribute::<Username>(), request.attribute::<Realm>(), request.attribute::<Nonce>());
        let (Ok(username), Ok(_), Ok(nonce)) = attributes else {
            return Err(Denied::Unknown(Refusal::BadRequest));
        };
        let username = username.username();
        let known = self.by_client.get(&client).and_then(|relay| self.allocations.get(relay));
        let user = match known.filter(|allocation| allocation.username == username) {
            // Who has begun goes on, though the credentials can begin nothing more: a call has no others.
            Some(Allocation { username, id, key, .. }) => {
                User { username: username.clone(), id: id.clone(), key: key.clone() }
            }
            None => {
                let id = credentials::id_in(username, now.unix_s)
                    .map_err(|_| Denied::Challenged(Refusal::Unauthorized))?;
                let password = credentials::password(self.settings.secret.reveal(), username);
                let realm = self.settings.realm.clone();
                let key = LongTermKeyCredentials::new(username.to_owned(), password, realm)
                    .make_key(IntegrityAlgorithm::Sha1);
                User { username: username.to_owned(), id: id.to_owned(), key }
            }
        };
        if request.validate_integrity_with_key(&user.key).is_err() {
            return Err(Denied::Challenged(Refusal::Unauthorized));
        }
        if !self.nonces.is_fresh(now.at, client.address, nonce.nonce()) {
            return Err(Denied::Challenged(Refusal::StaleNonce));
        }
        if known.is_some_and(|allocation| allocation.username != user.username) {
            return Err(Denied::Known(Refusal::WrongCredentials, user.key));
        }
        Ok(user)
    }

    /// The allocation that this 5-tuple has (RFC 8656 section 5).
    fn relay_of(&self, client: Client) -> Result<RelayId, Refusal> {
        self.by_client.get(&client).copied().ok_or(Refusal::AllocationMismatch)
    }

    fn deny(&mut self, now: Now, client: Client, request: &Message<'_>, denied: Denied) -> Output {
        let refusal = match denied {
            Denied::Unproven => Refusal::Unauthorized,
            Denied::Unknown(refusal) | Denied::Challenged(refusal) | Denied::Known(refusal, _) => refusal,
        };
        // Everybody begins like that.
        if !matches!(denied, Denied::Unproven) {
            self.metrics.refusal(refusal);
        }
        answered(match denied {
            Denied::Known(_, key) => answer::refusal(request, refusal, &key),
            Denied::Unproven | Denied::Unknown(_) | Denied::Challenged(_)
                if !self.throttle.may_answer(now.at, Source::of(client.address.ip())) =>
            {
                return Output::Nothing;
            }
            Denied::Unknown(_) => answer::unsigned(request, refusal),
            Denied::Unproven | Denied::Challenged(_) => {
                let nonce = self.nonces.give(now.at, client.address);
                answer::challenge(request, refusal, &self.settings.realm, &nonce)
            }
        })
    }
}

/// The answer to a request that has attributes in it which have to be understood and are not.
fn unknown_attributes(request: &Message<'_>) -> Option<MessageWriteVec> {
    let known = [
        Username::TYPE,
        Realm::TYPE,
        Nonce::TYPE,
        MessageIntegrity::TYPE,
        Fingerprint::TYPE,
        Software::TYPE,
        RequestedTransport::TYPE,
        RequestedAddressFamily::TYPE,
        AdditionalAddressFamily::TYPE,
        EvenPort::TYPE,
        ReservationToken::TYPE,
        Lifetime::TYPE,
        ChannelNumber::TYPE,
        XorPeerAddress::TYPE,
    ];
    Message::check_attribute_types(request, &known, &[], MessageWriteVec::new())
}
