use std::collections::HashMap;

use rtc::interceptor::StreamInfo;
use rtc::rtp;
use rtc::rtp::extension::transport_cc_extension::TransportCcExtension;
use rtc::shared::marshal::Marshal as _;

/// The header extension that carries the number.
pub(in super::super) const TRANSPORT_WIDE_URI: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Gives every packet that leaves a transport-wide number (draft-holmer-rmcat-transport-wide-cc-extensions-01), repairs
/// too: the crate's own numbers the primary streams alone.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    next: u16,
    /// Header extension id by SSRC.
    extensions: HashMap<u32, u8>,
}

impl Numbering {
    pub(super) fn bind(&mut self, info: &StreamInfo) {
        let negotiated =
            info.rtp_header_extensions.iter().find(|extension| extension.uri == TRANSPORT_WIDE_URI);
        let Some(id) = negotiated.and_then(|extension| u8::try_from(extension.id).ok()).filter(|id| *id != 0)
        else {
            return;
        };
        for ssrc in [Some(info.ssrc), info.ssrc_rtx].into_iter().flatten() {
            self.extensions.insert(ssrc, id);
        }
    }

    pub(super) fn unbind(&mut self, info: &StreamInfo) {
        for ssrc in [Some(info.ssrc), info.ssrc_rtx].into_iter().flatten() {
            self.extensions.remove(&ssrc);
        }
    }

    /// Numbers a packet; `None` if the far side does not report on its stream.
    pub(super) fn number(&mut self, packet: &mut rtp::Packet) -> Option<u16> {
        let id = *self.extensions.get(&packet.header.ssrc)?;
        let number = self.next;
        let extension = TransportCcExtension { transport_sequence: number }.marshal().ok()?;
        packet.header.set_extension(id, extension.freeze()).ok()?;
        self.next = self.next.wrapping_add(1);
        Some(number)
    }
}
