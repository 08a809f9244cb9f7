//! What clients ask for: allocations and their refreshing, permissions and channels.

use std::net::SocketAddr;
use std::time::Duration;

use stun_types::AddressFamily;
use stun_types::attribute::{AttributeStaticType as _, MessageIntegrity, Nonce, Realm, Username};
use stun_types::attribute::{Fingerprint, Software, XorMappedAddress};
use stun_types::message::{
    IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageWriteVec,
};
use stun_types::prelude::{Attribute as _, AttributeFromRaw as _, AttributeWrite};
use tracing::debug;
use turn_types::attribute::{
    AdditionalAddressFamily, AddressErrorCode, ChannelNumber, EvenPort, Lifetime, RequestedAddressFamily,
    RequestedTransport, ReservationToken, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH};

use super::allocation::{Allocation, Budget, Channels, Permissions, Unbound};
use super::answer;
use super::protocol::{Now, Opening, Output, RelayId, Turn, answered};
use super::{Client, Refusal, credentials};
use crate::limits::Source;

/// Of an allocation, if the client asks for none or less (RFC 8656 section 3.2).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

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

    /// There is a socket for the allocation, at this port; or there is none to be had.
    pub(super) fn opened(&mut self, now: Now, opening: Opening, port: Option<u16>) -> Output {
        let Ok(request) = Message::from_bytes(&opening.request) else { return Output::Nothing };
        let relayed = port.and_then(|port| Some(SocketAddr::new(self.announced(opening.family)?, port)));
        let Some(relayed) = relayed else {
            let denied = Denied::Known(Refusal::InsufficientCapacity, opening.key.clone());
            return self.deny(now, opening.client, &request, denied);
        };
        let Opening { relay, client, username, id, source, key, transaction, lifetime, .. } = opening;
        let bytes_per_s = self.settings.limits.bytes_per_s;
        let allocation = Allocation {
            client,
            username,
            id,
            source,
            key,
            transaction,
            relayed,
            opened_at: now.at,
            expires_at: now.at + lifetime,
            permissions: Permissions::default(),
            channels: Channels::default(),
            to_peers: Budget::new(now.at, bytes_per_s),
            to_client: Budget::new(now.at, bytes_per_s),
        };
        let answer = allocated(now, &request, &allocation, opening.lacks_ipv6);
        self.quota.add(&allocation.id, source);
        self.by_client.insert(client, relay);
        self.by_relayed.insert(relayed, relay);
        self.allocations.insert(relay, allocation);
        self.metrics.allocations.inc();
        self.metrics.allocations_opened.inc();
        debug!(relay = relay.0, "a relay begins");
        answer
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

    /// RFC 8656 section 7.2.
    fn allocate(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'_>,
        user: &User,
    ) -> Result<Output, Refusal> {
        if let Some(relay) = self.by_client.get(&client) {
            // The answer to the same request may have been lost on its way.
            return match self.allocations.get(relay) {
                Some(allocation) if allocation.transaction == request.transaction_id() => {
                    Ok(allocated(now, request, allocation, wants_both_families(request)))
                }
                _ => Err(Refusal::AllocationMismatch),
            };
        }
        let transport =
            request.attribute::<RequestedTransport>().map_err(|_| Refusal::BadRequest)?.protocol();
        if transport != RequestedTransport::UDP {
            return Err(Refusal::UnsupportedTransport);
        }
        if request.has_attribute(ReservationToken::TYPE) {
            return Err(Refusal::InsufficientCapacity);
        }
        let even_port = match request.has_attribute(EvenPort::TYPE) {
            true => Some(request.attribute::<EvenPort>().map_err(|_| Refusal::BadRequest)?),
            false => None,
        };
        if even_port.as_ref().is_some_and(EvenPort::requested) {
            return Err(Refusal::InsufficientCapacity);
        }
        let family = requested_family(request)?.unwrap_or(AddressFamily::IPV4);
        if self.announced(family).is_none() {
            return Err(Refusal::FamilyNotSupported);
        }
        let source = Source::of(client.address.ip());
        self.quota.check(&self.settings.limits, &user.id, source)?;
        let lifetime = self.lifetime(request)?.unwrap_or(DEFAULT_LIFETIME);
        self.last_relay += 1;
        Ok(Output::Open(Opening {
            relay: RelayId(self.last_relay),
            family,
            even_port: even_port.is_some(),
            client,
            username: user.username.clone(),
            id: user.id.clone(),
            source,
            key: user.key.clone(),
            transaction: request.transaction_id(),
            lifetime: lifetime.min(self.settings.limits.age),
            request: request.as_bytes().to_vec(),
            lacks_ipv6: wants_both_families(request),
        }))
    }

    /// RFC 8656 section 8.2.
    fn refresh(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'_>,
        user: &User,
    ) -> Result<Output, Refusal> {
        let asked = self.lifetime(request)?;
        let age = self.settings.limits.age;
        let relay = *self.by_client.get(&client).ok_or(Refusal::AllocationMismatch)?;
        let allocation = self.allocations.get_mut(&relay).ok_or(Refusal::AllocationMismatch)?;
        let family = requested_family(request)?;
        if family.is_some_and(|family| family != AddressFamily::from(&allocation.relayed)) {
            return Err(Refusal::FamilyMismatch);
        }
        let Some(asked) = asked else {
            let answer = answer::success(request, &[&Lifetime::new(0)], &user.key);
            self.remove(relay);
            return Ok(Output::Close { relay, answer: answer.unwrap_or_default() });
        };
        let left = (allocation.opened_at + age).saturating_duration_since(now.at);
        let lifetime = asked.min(left);
        if lifetime.as_secs() == 0 {
            return Err(Refusal::QuotaReached);
        }
        allocation.expires_at = now.at + lifetime;
        Ok(answered(answer::success(request, &[&seconds(lifetime)], &user.key)))
    }

    /// RFC 8656 section 10.2.
    fn create_permission(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'_>,
        user: &User,
    ) -> Result<Output, Refusal> {
        let relay = *self.by_client.get(&client).ok_or(Refusal::AllocationMismatch)?;
        let mut peers = Vec::new();
        for (_, attribute) in request.iter_attributes() {
            if attribute.get_type() == XorPeerAddress::TYPE {
                let peer = XorPeerAddress::from_raw_ref(&attribute).map_err(|_| Refusal::BadRequest)?;
                let peer = peer.addr(request.transaction_id());
                peers.push((peer, self.admit(relay, peer)?));
            }
        }
        if peers.is_empty() {
            return Err(Refusal::BadRequest);
        }
        let allocation = self.allocations.get_mut(&relay).ok_or(Refusal::AllocationMismatch)?;
        for (peer, all_ports) in peers {
            allocation
                .permissions
                .install(now.at, peer.ip(), all_ports)
                .map_err(|_| Refusal::InsufficientCapacity)?;
        }
        Ok(answered(answer::success(request, &[], &user.key)))
    }

    /// RFC 8656 section 12.2.
    fn bind_channel(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'_>,
        user: &User,
    ) -> Result<Output, Refusal> {
        let relay = *self.by_client.get(&client).ok_or(Refusal::AllocationMismatch)?;
        let attributes = (request.attribute::<ChannelNumber>(), request.attribute::<XorPeerAddress>());
        let (Ok(number), Ok(peer)) = attributes else { return Err(Refusal::BadRequest) };
        let (number, peer) = (number.channel(), peer.addr(request.transaction_id()));
        // To 0x7fff as in RFC 5766 section 11, since clients still choose from all of them.
        if !(0x4000..=0x7fff).contains(&number) {
            return Err(Refusal::BadRequest);
        }
        let all_ports = self.admit(relay, peer)?;
        let allocation = self.allocations.get_mut(&relay).ok_or(Refusal::AllocationMismatch)?;
        allocation.channels.bind(now.at, number, peer).map_err(|unbound| match unbound {
            Unbound::Taken => Refusal::BadRequest,
            Unbound::Full => Refusal::InsufficientCapacity,
        })?;
        allocation
            .permissions
            .install(now.at, peer.ip(), all_ports)
            .map_err(|_| Refusal::InsufficientCapacity)?;
        Ok(answered(answer::success(request, &[], &user.key)))
    }

    /// Whether a peer may be had by this relay, at all ports of its address.
    fn admit(&self, relay: RelayId, peer: SocketAddr) -> Result<bool, Refusal> {
        let allocation = self.allocations.get(&relay).ok_or(Refusal::AllocationMismatch)?;
        if allocation.relayed.is_ipv4() != peer.is_ipv4() {
            return Err(Refusal::FamilyMismatch);
        }
        self.peer_ports(peer).ok_or(Refusal::Forbidden)
    }

    /// What is asked for, within bounds; `None` for an end at once.
    fn lifetime(&self, request: &Message<'_>) -> Result<Option<Duration>, Refusal> {
        let longest = self.settings.limits.lifetime;
        if !request.has_attribute(Lifetime::TYPE) {
            return Ok(Some(DEFAULT_LIFETIME.min(longest)));
        }
        let asked = request.attribute::<Lifetime>().map_err(|_| Refusal::BadRequest)?.seconds();
        let asked = Duration::from_secs(asked.into());
        Ok((!asked.is_zero()).then(|| asked.max(DEFAULT_LIFETIME).min(longest)))
    }

    fn announced(&self, family: AddressFamily) -> Option<std::net::IpAddr> {
        self.settings.announced.iter().copied().find(|address| AddressFamily::from(address) == family)
    }
}

fn allocated(now: Now, request: &Message<'_>, allocation: &Allocation, lacks_ipv6: bool) -> Output {
    let transaction = request.transaction_id();
    let relayed = XorRelayedAddress::new(allocation.relayed, transaction);
    let lifetime = seconds(allocation.expires_at.saturating_duration_since(now.at));
    let mapped = XorMappedAddress::new(allocation.client.seen_at(), transaction);
    let mut attributes: Vec<&dyn AttributeWrite> = vec![&relayed, &lifetime, &mapped];
    let lack = stun_types::attribute::ErrorCode::new(Refusal::FamilyNotSupported.code(), "")
        .ok()
        .filter(|_| lacks_ipv6)
        .map(|error| AddressErrorCode::new(AddressFamily::IPV6, error));
    if let Some(lack) = &lack {
        attributes.push(lack);
    }
    answered(answer::success(request, &attributes, &allocation.key))
}

fn requested_family(request: &Message<'_>) -> Result<Option<AddressFamily>, Refusal> {
    if !request.has_attribute(RequestedAddressFamily::TYPE) {
        return Ok(None);
    }
    if wants_both_families(request) {
        return Err(Refusal::BadRequest);
    }
    match request.attribute::<RequestedAddressFamily>() {
        Ok(family) => Ok(Some(family.family())),
        Err(_) => Err(Refusal::FamilyNotSupported),
    }
}

fn wants_both_families(request: &Message<'_>) -> bool {
    request.has_attribute(AdditionalAddressFamily::TYPE)
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

fn seconds(lifetime: Duration) -> Lifetime {
    Lifetime::new(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX))
}
