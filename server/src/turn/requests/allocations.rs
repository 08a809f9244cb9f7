//! Allocations: how they begin, go on and end.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use stun_types::AddressFamily;
use stun_types::attribute::{AttributeStaticType as _, ErrorCode, XorMappedAddress};
use stun_types::message::Message;
use stun_types::prelude::AttributeWrite;
use tracing::debug;
use turn_types::attribute::{
    AdditionalAddressFamily, AddressErrorCode, EvenPort, Lifetime, RequestedAddressFamily,
    RequestedTransport, ReservationToken, XorRelayedAddress,
};

use super::{Denied, User};
use crate::limits::Source;
use crate::turn::allocation::{Allocation, Budget, Channels, Permissions};
use crate::turn::protocol::{Now, Opening, Output, RelayId, Turn, answered};
use crate::turn::{Client, Refusal, answer};

/// Of an allocation, if the client asks for none or less (RFC 8656 section 3.2).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

impl Turn {
    /// RFC 8656 section 7.2.
    pub(super) fn allocate(
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
    pub(super) fn refresh(
        &mut self,
        now: Now,
        client: Client,
        request: &Message<'_>,
        user: &User,
    ) -> Result<Output, Refusal> {
        let asked = self.lifetime(request)?;
        let age = self.settings.limits.age;
        let relay = self.relay_of(client)?;
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

    /// There is a socket for the allocation, at this port; or there is none to be had.
    pub(in crate::turn) fn opened(&mut self, now: Now, opening: Opening, port: Option<u16>) -> Output {
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

    fn announced(&self, family: AddressFamily) -> Option<IpAddr> {
        self.settings.announced.iter().copied().find(|address| AddressFamily::from(address) == family)
    }
}

fn allocated(now: Now, request: &Message<'_>, allocation: &Allocation, lacks_ipv6: bool) -> Output {
    let transaction = request.transaction_id();
    let relayed = XorRelayedAddress::new(allocation.relayed, transaction);
    let lifetime = seconds(allocation.expires_at.saturating_duration_since(now.at));
    let mapped = XorMappedAddress::new(allocation.client.seen_at(), transaction);
    let mut attributes: Vec<&dyn AttributeWrite> = vec![&relayed, &lifetime, &mapped];
    let lack = ErrorCode::new(Refusal::FamilyNotSupported.code(), "")
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

fn seconds(lifetime: Duration) -> Lifetime {
    Lifetime::new(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX))
}
