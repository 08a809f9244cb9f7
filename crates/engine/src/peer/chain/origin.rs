//! Says that what came in last is the far side's, since it could be decrypted.

use rtc::interceptor::TaggedPacket;

use super::stage::Stage;
use crate::peer::follow::Following;

pub(super) struct Origin(pub(super) Following);

impl Stage for Origin {
    fn on_read(&mut self, _tagged: &mut TaggedPacket) {
        self.0.handle_authentic();
    }
}
