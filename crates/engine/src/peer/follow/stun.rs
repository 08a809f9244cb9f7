//! What following needs of STUN (RFC 8489) and of ICE's checks (RFC 8445 section 7).

use std::net::SocketAddr;
use std::sync::Arc;

use rtc::crypto::{RTCCryptoProvider, default_provider};
use rtc::ice::attributes::priority::PriorityAttr;
use rtc::shared::error::Result;
use rtc::stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter, TransactionId, is_stun_message,
};
use rtc::stun::xoraddr::XorMappedAddress;

/// The highest that a candidate may have (RFC 8445 section 5.1.2).
const MAX_PRIORITY: u32 = i32::MAX as u32;

/// What a datagram is, as far as following cares (RFC 7983 section 7).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Datagram {
    /// SRTP, SRTCP or DTLS.
    Media,
    /// A check, or what an agent sends to keep consent.
    Request(TransactionId),
    /// Its answer.
    Success(TransactionId),
    Other,
}

impl Datagram {
    pub(super) fn new(bytes: &[u8]) -> Self {
        match bytes.first() {
            Some(20..=63 | 128..=191) => return Self::Media,
            Some(_) if is_stun_message(bytes) => {}
            _ => return Self::Other,
        }
        let mut id = TransactionId::default();
        id.0.copy_from_slice(&bytes[8..20]);
        match u16::from_be_bytes([bytes[0], bytes[1]]) {
            kind if kind == BINDING_REQUEST.value() => Self::Request(id),
            kind if kind == BINDING_SUCCESS.value() => Self::Success(id),
            _ => Self::Other,
        }
    }
}

/// Whether a request is of a controlling agent; none if it is of no agent (RFC 8445 section 7.1).
pub(super) fn is_of_controlling(request: &[u8]) -> Option<bool> {
    let request = decode(request).ok()?;
    match (request.contains(ATTR_ICE_CONTROLLING), request.contains(ATTR_ICE_CONTROLLED)) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// Signs requests to the far side, and knows its answers.
pub(super) struct Secret {
    /// The far side's `ice-pwd`.
    password: String,
    crypto: Arc<dyn RTCCryptoProvider>,
}

impl Secret {
    /// None without cryptography, which is compiled in.
    pub(super) fn new(password: &str) -> Option<Self> {
        Some(Self { password: password.to_owned(), crypto: default_provider().ok()? })
    }

    pub(super) fn is(&self, password: &str) -> bool {
        self.password == password
    }

    /// A check of our own like one of the agent's requests, which says who it is, its role and its priority.
    pub(super) fn check_like(&self, request: &[u8], urge: Option<u32>) -> Result<(TransactionId, Vec<u8>)> {
        let id = TransactionId::new();
        Ok((id, self.sign(&decode(request)?, id, urge)?))
    }

    /// One of the agent's requests, which urges the far side to take its pair.
    pub(super) fn urging(&self, request: &[u8], urge: u32) -> Result<Vec<u8>> {
        let request = decode(request)?;
        self.sign(&request, request.transaction_id, Some(urge))
    }

    /// To urge the far side to take the pair is to give it a priority that is so much higher (RFC 8445 section 7.1.1), and
    /// to nominate it where this is the controlling side's to do (section 7.1.2).
    fn sign(&self, request: &Message, id: TransactionId, urge: Option<u32>) -> Result<Vec<u8>> {
        let mut check = Message::new();
        check.build(&[Box::new(BINDING_REQUEST), Box::new(id)])?;
        for attribute in [ATTR_USERNAME, ATTR_ICE_CONTROLLING, ATTR_ICE_CONTROLLED] {
            if let Ok(value) = request.get(attribute) {
                check.add(attribute, &value);
            }
        }
        let mut priority = PriorityAttr::default();
        priority.get_from(request)?;
        let priority = priority.0.saturating_add(urge.unwrap_or(0)).min(MAX_PRIORITY);
        PriorityAttr(priority).add_to(&mut check)?;
        if urge.is_some() && request.contains(ATTR_ICE_CONTROLLING) {
            check.add(ATTR_USE_CANDIDATE, &[]);
        }
        let crypto = self.crypto.crypto();
        MessageIntegrity::new_short_term_integrity_with_provider(self.password.clone(), crypto)
            .add_to(&mut check)?;
        FINGERPRINT.add_to(&mut check)?;
        Ok(check.raw)
    }

    /// The address that the far side sees our requests come from, by an answer that only it can have given.
    pub(super) fn mapped_by(&self, answer: &[u8]) -> Result<SocketAddr> {
        let mut answer = decode(answer)?;
        MessageIntegrity::check(&mut answer, self.password.as_bytes(), self.crypto.crypto())?;
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&answer)?;
        Ok(SocketAddr::new(mapped.ip, mapped.port))
    }
}

fn decode(bytes: &[u8]) -> Result<Message> {
    let mut message = Message { raw: bytes.to_vec(), ..Message::default() };
    message.decode()?;
    Ok(message)
}

#[cfg(test)]
pub(super) mod testing {
    use rtc::stun::attributes::{ATTR_PRIORITY, AttrType};
    use rtc::stun::textattrs::TextAttribute;

    use super::*;

    fn message(
        setters: &[Box<dyn Setter + '_>],
        attributes: &[(AttrType, &[u8])],
        secret: &Secret,
    ) -> Vec<u8> {
        let mut message = Message::new();
        message.build(setters).expect("a message");
        for (attribute, value) in attributes {
            message.add(*attribute, value);
        }
        let crypto = secret.crypto.crypto();
        MessageIntegrity::new_short_term_integrity_with_provider(secret.password.clone(), crypto)
            .add_to(&mut message)
            .expect("integrity");
        FINGERPRINT.add_to(&mut message).expect("a fingerprint");
        message.raw
    }

    /// As an agent sends it to the side whose password this is.
    pub(crate) fn request(password: &str, controlling: bool) -> Vec<u8> {
        let secret = Secret::new(password).expect("cryptography");
        let role = if controlling { ATTR_ICE_CONTROLLING } else { ATTR_ICE_CONTROLLED };
        message(
            &[
                Box::new(BINDING_REQUEST),
                Box::new(TransactionId::new()),
                Box::new(TextAttribute::new(ATTR_USERNAME, "far:near".to_owned())),
            ],
            &[(ATTR_PRIORITY, &[0, 0, 1, 0]), (role, &[7; 8])],
            &secret,
        )
    }

    /// Answer of the side whose password this is.
    pub(crate) fn answer(password: &str, request: &[u8], from: SocketAddr) -> Vec<u8> {
        let secret = Secret::new(password).expect("cryptography");
        let id = decode(request).expect("a request").transaction_id;
        let mapped = XorMappedAddress { ip: from.ip(), port: from.port() };
        message(&[Box::new(BINDING_SUCCESS), Box::new(id), Box::new(mapped)], &[], &secret)
    }

    pub(crate) fn priority(request: &[u8]) -> u32 {
        let mut priority = PriorityAttr::default();
        priority.get_from(&decode(request).expect("a request")).expect("a priority");
        priority.0
    }

    pub(crate) fn nominates(request: &[u8]) -> bool {
        decode(request).expect("a request").contains(ATTR_USE_CANDIDATE)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{answer, nominates, priority, request};
    use super::*;

    #[test]
    fn datagrams_are_told_apart() {
        let of_agent = request("far", true);
        assert!(matches!(Datagram::new(&of_agent), Datagram::Request(_)));
        let mapped = "192.0.2.1:1".parse().expect("an address");
        let Datagram::Success(id) = Datagram::new(&answer("far", &of_agent, mapped)) else {
            panic!("no answer");
        };
        assert_eq!(Datagram::new(&of_agent), Datagram::Request(id));
        assert_eq!(Datagram::new(&[128, 111, 0, 1]), Datagram::Media);
        assert_eq!(Datagram::new(&[22, 254, 253]), Datagram::Media);
        for other in [&[] as &[u8], &[0], &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], &[64, 0, 0, 4]] {
            assert_eq!(Datagram::new(other), Datagram::Other);
        }
    }

    #[test]
    fn a_check_is_the_agents_but_for_its_number() {
        let secret = Secret::new("far").expect("cryptography");
        let of_agent = request("far", true);
        let (id, check) = secret.check_like(&of_agent, None).expect("a check");
        assert_ne!(Datagram::new(&of_agent), Datagram::Request(id));
        assert_eq!(check.len(), of_agent.len());
        assert_eq!(priority(&check), priority(&of_agent));
        assert!(!nominates(&check));
        let mut decoded = decode(&check).expect("a message");
        MessageIntegrity::check(&mut decoded, b"far", secret.crypto.crypto()).expect("integrity");
        FINGERPRINT.check(&decoded).expect("a fingerprint");
    }

    #[test]
    fn a_check_that_urges_has_a_higher_priority_and_nominates_where_it_may() {
        let secret = Secret::new("far").expect("cryptography");
        for controlling in [true, false] {
            let of_agent = request("far", controlling);
            assert_eq!(is_of_controlling(&of_agent), Some(controlling));
            let (_, check) = secret.check_like(&of_agent, Some(7)).expect("a check");
            assert_eq!(is_of_controlling(&check), Some(controlling));
            assert_eq!(priority(&check), priority(&of_agent) + 7);
            assert_eq!(nominates(&check), controlling);
            let instead = secret.urging(&of_agent, 7).expect("a request");
            let Datagram::Request(id) = Datagram::new(&of_agent) else { panic!("no request") };
            assert_eq!(Datagram::new(&instead), Datagram::Request(id));
            assert_eq!((priority(&instead), nominates(&instead)), (priority(&check), controlling));
            let (_, check) = secret.check_like(&of_agent, Some(u32::MAX)).expect("a check");
            assert_eq!(priority(&check), (1 << 31) - 1);
        }
        let mapped = "192.0.2.1:1".parse().expect("an address");
        assert_eq!(is_of_controlling(&answer("far", &request("far", true), mapped)), None);
        assert!(secret.check_like(b"no message", None).is_err());
    }

    #[test]
    fn an_answer_is_believed_by_its_integrity() {
        let secret = Secret::new("far").expect("cryptography");
        let mapped: SocketAddr = "[2001:db8::1]:40001".parse().expect("an address");
        let of_agent = request("far", true);
        assert_eq!(secret.mapped_by(&answer("far", &of_agent, mapped)).ok(), Some(mapped));
        assert!(secret.mapped_by(&answer("guessed", &of_agent, mapped)).is_err());
        let mut changed = answer("far", &of_agent, mapped);
        changed[30] ^= 1;
        assert!(secret.mapped_by(&changed).is_err());
        assert!(secret.mapped_by(&of_agent[..19]).is_err());
    }
}
