//! What the user says of others to those who run the server.

use visavis_protocol::ClientMessage;

use super::Call;
use crate::event::{CallEvent, NotKept};
use crate::peer::tell;
use crate::session::Step;

impl Call {
    /// Says it, now or when the session goes on. The one it is about may have left, and the user be looking for another one.
    pub(super) fn ask_moderators(&mut self, message: ClientMessage) {
        if self.session.is_stay() || self.session.is_at(Step::Admission) {
            self.unanswered += 1;
            self.send(message);
        }
    }

    pub(super) fn on_kept(&mut self, event: CallEvent) {
        self.unanswered = self.unanswered.saturating_sub(1);
        tell(&mut self.out, event);
    }

    /// Errors do not say what they answer: while something is unanswered this is taken for it. Should it have been something
    /// else, the answer is told when it comes.
    pub(super) fn on_not_kept(&mut self, why: NotKept) {
        if let Some(unanswered) = self.unanswered.checked_sub(1) {
            self.unanswered = unanswered;
            tell(&mut self.out, CallEvent::NotKept { why });
        }
    }

    /// The session in which it was said is gone.
    pub(super) fn forget_unanswered(&mut self) {
        while self.unanswered > 0 {
            self.on_not_kept(NotKept::Unavailable);
        }
    }
}
