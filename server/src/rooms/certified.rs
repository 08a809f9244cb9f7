//! Ids and names that certify themselves: whoever has the session's token can prove to a server that has never heard of
//! them that they are its own. Pure.
//!
//! Clients may choose a token, so a proof says whose an id is, and never that somebody was here before.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::RngExt as _;
use rand::rngs::StdRng;
use ring::hmac;
use visavis_protocol::{ParticipantId, RoomName, SessionToken};

use crate::sessions::root;

/// Makes ids of one token differ.
const SALT_BYTES: usize = 6;
/// To find another token for an id takes 2^72 tries.
const TAG_BYTES: usize = 9;
const ID_BYTES: usize = SALT_BYTES + TAG_BYTES;
const STRANGERS_BYTES: usize = SALT_BYTES + 2 * TAG_BYTES;
/// What names of strangers' rooms begin with.
const STRANGERS: &str = "strangers.";

const PARTICIPANT_CONTEXT: &[u8] = b"visavis participant";
const STRANGER_CONTEXT: &[u8] = b"visavis stranger";

type Tag = [u8; TAG_BYTES];

/// Whom a room's name itself lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Circle {
    /// The name says nothing of that.
    Anybody,
    /// The room is that of two strangers, one of whom has the token.
    OneOfTwo,
    /// The room is that of two others.
    TwoOthers,
}

/// Draws an id for a stay in a room: base64url of `salt ‖ HMAC-SHA256(root, context ‖ 0 ‖ room ‖ 0 ‖ salt)`, the latter
/// cut to 9 bytes (RFC 2104 section 5); 20 characters.
#[expect(clippy::expect_used, reason = "the alphabet holds nothing that an id may not hold")]
pub(super) fn draw_participant(rng: &mut StdRng, token: &SessionToken, room: &RoomName) -> ParticipantId {
    let salt: [u8; SALT_BYTES] = rng.random();
    let bytes = [salt.as_slice(), &participant_tag(token, room, &salt)].concat();
    ParticipantId::new(BASE64_URL_SAFE_NO_PAD.encode(bytes)).expect("base64url is an id")
}

/// Whether the id was drawn for a stay of this token's session in this room.
pub(super) fn is_participant(id: &ParticipantId, token: &SessionToken, room: &RoomName) -> bool {
    let Some(bytes) = decode::<ID_BYTES>(id.as_str()) else { return false };
    let (salt, tag) = bytes.split_at(SALT_BYTES);
    // Nothing to hide in how long it takes: who asks can compute the same.
    participant_tag(token, room, salt) == tag
}

/// Draws the name of a room for two strangers: `strangers.` and base64url of `salt ‖ tag ‖ tag`, with a tag for each.
#[expect(clippy::expect_used, reason = "the alphabet holds nothing that a room's name may not hold")]
pub(super) fn draw_strangers(rng: &mut StdRng, [one, other]: [&SessionToken; 2]) -> RoomName {
    let salt: [u8; SALT_BYTES] = rng.random();
    let [one, other] = [one, other].map(|token| stranger_tag(token, &salt));
    let code = BASE64_URL_SAFE_NO_PAD.encode([salt.as_slice(), &one, &other].concat());
    RoomName::new(format!("{STRANGERS}{code}")).expect("base64url is a name")
}

/// Whether a room's name lets a session in by itself, or keeps it out.
pub(super) fn circle(name: &RoomName, token: &SessionToken) -> Circle {
    let Some(code) = name.as_str().strip_prefix(STRANGERS) else { return Circle::Anybody };
    let Some(bytes) = decode::<STRANGERS_BYTES>(code) else { return Circle::Anybody };
    let (salt, tags) = bytes.split_at(SALT_BYTES);
    let own = stranger_tag(token, salt);
    if tags.chunks_exact(TAG_BYTES).any(|tag| tag == own) { Circle::OneOfTwo } else { Circle::TwoOthers }
}

fn participant_tag(token: &SessionToken, room: &RoomName, salt: &[u8]) -> Tag {
    tag(token, &[PARTICIPANT_CONTEXT, &[0], room.as_str().as_bytes(), &[0], salt])
}

fn stranger_tag(token: &SessionToken, salt: &[u8]) -> Tag {
    tag(token, &[STRANGER_CONTEXT, &[0], salt])
}

fn tag(token: &SessionToken, parts: &[&[u8]]) -> Tag {
    let key = hmac::Key::new(hmac::HMAC_SHA256, root(token).as_bytes());
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(part);
    }
    let mut tag = Tag::default();
    tag.copy_from_slice(&context.sign().as_ref()[..TAG_BYTES]);
    tag
}

fn decode<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn token(text: &str) -> SessionToken {
        SessionToken::new(text).expect("a token")
    }

    fn room(text: &str) -> RoomName {
        RoomName::new(text).expect("a room name")
    }

    fn rng() -> StdRng {
        StdRng::seed_from_u64(7)
    }

    #[test]
    fn ids_are_as_the_protocol_has_them() {
        // salt=000102030405; (printf 'visavis participant\0owl\0'; echo $salt | xxd -r -p) |
        //   openssl dgst -sha256 -hmac secret -binary | head -c 9, behind the salt
        let id = ParticipantId::new("AAECAwQFtcaWUzzpTYFx").expect("an id");
        assert!(is_participant(&id, &token("secret"), &room("owl")));
    }

    #[test]
    fn an_id_is_proven_by_its_own_token_in_its_own_room_alone() {
        let (mut rng, ada, owl) = (rng(), token("ada"), room("owl"));
        let id = draw_participant(&mut rng, &ada, &owl);
        assert_eq!(id.as_str().len(), 20);
        assert!(is_participant(&id, &ada, &owl));
        assert!(!is_participant(&id, &token("eve"), &owl));
        assert!(!is_participant(&id, &ada, &room("fox")));
        assert_ne!(draw_participant(&mut rng, &ada, &owl), id, "each stay has its own");
    }

    #[test]
    fn a_session_that_has_begun_anew_proves_what_the_first_one_could() {
        let id = draw_participant(&mut rng(), &token("ada"), &room("owl"));
        assert!(is_participant(&id, &token("ada.later"), &room("owl")));
        assert!(!is_participant(&id, &token("adalater"), &room("owl")));
    }

    #[test]
    fn what_is_no_id_of_ours_is_nobodys() {
        let (mut rng, ada, owl) = (rng(), token("ada"), room("owl"));
        let id = draw_participant(&mut rng, &ada, &owl);
        let changed = format!("{}A", &id.as_str()[..19]);
        for text in ["x", "Jq-93KfWb1sLxUaD", &format!("{id}AAAA", id = id.as_str()), &changed, "äöü"] {
            let other = ParticipantId::new(text).expect("an id");
            assert_eq!(is_participant(&other, &ada, &owl), other == id, "{text}");
        }
    }

    #[test]
    fn a_strangers_room_knows_its_two_and_nobody_else() {
        let (ada, bob) = (token("ada"), token("bob"));
        let name = draw_strangers(&mut rng(), [&ada, &bob]);
        assert_eq!(circle(&name, &ada), Circle::OneOfTwo);
        assert_eq!(circle(&name, &bob), Circle::OneOfTwo);
        assert_eq!(circle(&name, &token("eve")), Circle::TwoOthers);
    }

    #[test]
    fn names_that_people_choose_are_for_anybody() {
        for name in ["owl", "strangers", "strangers.", "strangers.in.the.night", "strangers.AAAA"] {
            assert_eq!(circle(&room(name), &token("ada")), Circle::Anybody, "{name}");
        }
    }
}
