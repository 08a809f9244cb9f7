//! What a session description says of its media sections, and a candidate of its address.

use std::net::SocketAddr;

use webrtc::peer_connection::RTCSessionDescription;

use crate::InviteLink;

/// The first `a=ice-ufrag` of a description.
pub(super) fn first_ufrag(sdp: &str) -> Option<&str> {
    first(sdp, "a=ice-ufrag:")
}

/// The first `a=ice-pwd` of a description.
pub(super) fn first_password(sdp: &str) -> Option<&str> {
    first(sdp, "a=ice-pwd:")
}

fn first<'a>(sdp: &'a str, attribute: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| line.trim_end().strip_prefix(attribute))
}

/// Where a candidate (RFC 8839 section 5.1) is reached; none if not over UDP, or by a name.
pub(super) fn udp_address(candidate: &str) -> Option<SocketAddr> {
    let mut words = candidate.split_whitespace().skip(2);
    let is_udp = words.next()?.eq_ignore_ascii_case("udp");
    let (address, port) = (words.nth(1)?.parse().ok()?, words.next()?.parse().ok()?);
    is_udp.then_some(SocketAddr::new(address, port))
}

/// A description, or a candidate, that does not tell from where a relay is reached (RFC 8839 section 5.1): where media is
/// relayed, the far side is not to learn that address.
pub(super) fn without_bases(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| if is_relayed(line) { without_base(line) } else { line.to_owned() })
        .collect()
}

fn is_relayed(line: &str) -> bool {
    line.trim_start_matches("a=").starts_with("candidate:") && line.contains(" typ relay")
}

fn without_base(line: &str) -> String {
    let mut before = "";
    let words = line.split(' ').map(|word| {
        let end = word.trim_start_matches(|c: char| !c.is_whitespace());
        match std::mem::replace(&mut before, word) {
            "raddr" => format!("{}{end}", if word.contains(':') { "::" } else { "0.0.0.0" }),
            "rport" => format!("9{end}"),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The SSRC (RFC 5576) of the second video section: the screen, by `docs/protocol.md`.
pub(super) fn screen_ssrc(sdp: &str) -> Option<u32> {
    second_ssrc(sdp, "video ")
}

/// The SSRC of the second audio section: the screen's sound.
pub(super) fn screen_sound_ssrc(sdp: &str) -> Option<u32> {
    second_ssrc(sdp, "audio ")
}

/// The first SSRC of the second section of a kind.
fn second_ssrc(sdp: &str, kind: &str) -> Option<u32> {
    let section = sdp.split("\nm=").skip(1).filter(|section| section.starts_with(kind)).nth(1)?;
    section
        .lines()
        .find_map(|line| line.strip_prefix("a=ssrc:"))
        .and_then(|attribute| attribute.split_whitespace().next()?.parse().ok())
}

/// Redundant audio (RFC 2198).
pub(super) const RED_MIME_TYPE: &str = "audio/red";

/// The payload type under which a description takes redundant audio.
pub(super) fn redundant_audio(sdp: &str) -> Option<u8> {
    let section = sdp.split("\nm=").find(|section| section.starts_with("audio "))?;
    section.lines().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' ')).find_map(
        |(payload_type, encoding)| {
            let (name, _) = encoding.split_once('/')?;
            name.eq_ignore_ascii_case("red").then(|| payload_type.parse().ok())?
        },
    )
}

/// For fuzzing: reads a text as a description, as a candidate and as an invite link; never panics.
#[doc(hidden)]
pub fn fuzz_description(text: &str) {
    let parts = (first_ufrag(text), first_password(text), redundant_audio(text));
    assert!(parts.0.is_none_or(|ufrag| text.contains(ufrag)));
    screen_ssrc(text);
    screen_sound_ssrc(text);
    udp_address(text);
    rtc::ice::candidate::unmarshal_candidate(text.trim_start_matches("candidate:")).ok();
    if let Ok(offer) = RTCSessionDescription::offer(text.to_owned()) {
        offer.unmarshal().ok();
    }
    if let Ok(link) = text.parse::<InviteLink>() {
        let written = InviteLink { token: None, ..link };
        assert_eq!(written.to_string().parse(), Ok(written), "it is written as it is read");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: &str =
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ssrc-group:FID 5 6\r\na=ssrc:5 cname:a\r\na=ssrc:6 cname:a\r\n";
    const SCREEN: &str =
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ssrc-group:FID 7 8\r\na=ssrc:7 cname:a\r\na=ssrc:8 cname:a\r\n";
    #[test]
    fn a_candidate_has_an_address() {
        let address = |candidate: &str| udp_address(candidate).map(|address| address.to_string());
        let host = "candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host generation 0";
        assert_eq!(address(host).as_deref(), Some("192.0.2.1:40000"));
        let six = "candidate:1 1 UDP 1 2001:db8::1 9 typ srflx raddr :: rport 9";
        assert_eq!(address(six).as_deref(), Some("[2001:db8::1]:9"));
        for other in [
            "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
            "candidate:1 1 udp 1 0b6cd3b2.local 9 typ host",
            "candidate:1 1 udp 1 192.0.2.1 90000 typ host",
            "candidate:1 1 udp 1",
            "",
        ] {
            assert_eq!(address(other), None, "{other}");
        }
    }

    #[test]
    fn a_relayed_candidate_does_not_tell_its_base() {
        let relayed = "candidate:1 1 udp 16777215 192.0.2.7 50000 typ relay raddr 10.0.0.5 rport 40000";
        let hidden = "candidate:1 1 udp 16777215 192.0.2.7 50000 typ relay raddr 0.0.0.0 rport 9";
        assert_eq!(without_bases(relayed), hidden);
        let six = "candidate:1 1 udp 1 2001:db8::7 9 typ relay raddr fd00::5 rport 40000 ufrag Yx7k";
        let six_hidden = "candidate:1 1 udp 1 2001:db8::7 9 typ relay raddr :: rport 9 ufrag Yx7k";
        assert_eq!(without_bases(six), six_hidden);
        let reflexive = "a=candidate:1 1 udp 1 192.0.2.9 9 typ srflx raddr 10.0.0.5 rport 40000\r\n";
        let description = |relayed: &str| format!("v=0\r\n{reflexive}a={relayed}\r\na=end-of-candidates\r\n");
        assert_eq!(without_bases(&description(relayed)), description(hidden));
        for other in ["", "a=", "candidate: typ relay raddr", "a=candidate: typ relay raddr \r\n"] {
            without_bases(other);
        }
    }

    const SOUND: &str =
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:Yx7k\r\na=ice-pwd:p+/w\r\na=ssrc:3 cname:a\r\n";

    #[test]
    fn a_screen_is_the_second_section_of_each_kind() {
        let sdp = |sections: &[&str]| format!("v=0\r\ns=-\r\n{}", sections.concat());
        assert_eq!(screen_ssrc(&sdp(&[SOUND, CAMERA, SCREEN])), Some(7));
        assert_eq!(screen_ssrc(&sdp(&[CAMERA, SOUND, SCREEN, CAMERA])), Some(7));
        assert_eq!(screen_ssrc(&sdp(&[SOUND, CAMERA])), None);
        assert_eq!(screen_ssrc(&sdp(&[SOUND, CAMERA, "m=video 0 UDP/TLS/RTP/SAVPF 0\r\n"])), None);
        assert_eq!(screen_ssrc("m=video\r\n\nm=video a=ssrc:"), None);
        let screen_sound = SOUND.replace("a=ssrc:3", "a=ssrc:4");
        assert_eq!(screen_sound_ssrc(&sdp(&[SOUND, CAMERA, SCREEN, &screen_sound])), Some(4));
        assert_eq!(screen_sound_ssrc(&sdp(&[SOUND, CAMERA, SCREEN])), None);
        assert_eq!(first_ufrag(&sdp(&[SOUND])), Some("Yx7k"));
        assert_eq!(first_password(&sdp(&[CAMERA, SOUND])), Some("p+/w"));
        assert_eq!(first_password(&sdp(&[CAMERA])), None);
    }

    #[test]
    fn redundant_audio_is_found_in_the_first_audio_section() {
        let with = |lines: &str| format!("v=0\r\n{CAMERA}a=rtpmap:7 red/90000\r\n{SOUND}{lines}");
        assert_eq!(
            redundant_audio(&with("a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n")),
            Some(63)
        );
        assert_eq!(redundant_audio(&with("a=rtpmap:63 RED/48000/2\r\n")), Some(63));
        for none in
            ["", "a=rtpmap:111 opus/48000/2\r\n", "a=rtpmap:63\r\na=rtpmap:x red/1\r\na=rtpmap:6 red\r\n"]
        {
            assert_eq!(redundant_audio(&with(none)), None, "{none}");
        }
    }
}
