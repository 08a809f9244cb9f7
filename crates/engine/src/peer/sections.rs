//! What a session description says of its media sections.

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

/// The SSRC (RFC 5576) of the pictures in the second video section: the screen, by `docs/protocol.md`.
pub(super) fn screen_ssrc(sdp: &str) -> Option<u32> {
    // The second section begins with the second piece that follows a separator.
    let section = sdp.split("\nm=").filter(|section| section.starts_with("video ")).nth(1)?;
    section
        .lines()
        .find_map(|line| line.strip_prefix("a=ssrc:"))
        .and_then(|attribute| attribute.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: &str =
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ssrc-group:FID 5 6\r\na=ssrc:5 cname:a\r\na=ssrc:6 cname:a\r\n";
    const SCREEN: &str =
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ssrc-group:FID 7 8\r\na=ssrc:7 cname:a\r\na=ssrc:8 cname:a\r\n";
    const SOUND: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:Yx7k\r\na=ice-pwd:p+/w\r\na=ssrc:3 cname:a\r\n";

    #[test]
    fn the_screen_is_the_second_video_section() {
        let sdp = |sections: &[&str]| format!("v=0\r\ns=-\r\n{}", sections.concat());
        assert_eq!(screen_ssrc(&sdp(&[SOUND, CAMERA, SCREEN])), Some(7));
        assert_eq!(screen_ssrc(&sdp(&[CAMERA, SOUND, SCREEN, CAMERA])), Some(7));
        assert_eq!(screen_ssrc(&sdp(&[SOUND, CAMERA])), None);
        assert_eq!(screen_ssrc(&sdp(&[SOUND, CAMERA, "m=video 0 UDP/TLS/RTP/SAVPF 0\r\n"])), None);
        assert_eq!(screen_ssrc("m=video\r\n\nm=video a=ssrc:"), None);
        assert_eq!(first_ufrag(&sdp(&[SOUND])), Some("Yx7k"));
        assert_eq!(first_password(&sdp(&[CAMERA, SOUND])), Some("p+/w"));
        assert_eq!(first_password(&sdp(&[CAMERA])), None);
    }
}
