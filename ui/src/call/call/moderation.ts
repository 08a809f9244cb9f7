/** What the user says of others to those who run the server. */

import type { CallEvent } from "../../generated/CallEvent";
import type { ClientMessage } from "../../generated/ClientMessage";
import type { NotKept } from "../../generated/NotKept";
import { tell } from "../peer";
import * as session from "../session";
import type { Core } from "./core";

/** Says it, now or when the session goes on. The one it is about may have left, and the user be looking for another one. */
export function askModerators(core: Core, message: ClientMessage): void {
  if (!session.isStay(core.session) && !session.isAt(core.session, "admission")) return;
  core.unanswered += 1;
  core.send(message);
}

export function onKept(core: Core, event: CallEvent): void {
  core.unanswered = Math.max(0, core.unanswered - 1);
  tell(core.out, event);
}

/**
 * Errors do not say what they answer: while something is unanswered this is taken for it. Should it have been something else,
 * the answer is told when it comes.
 */
export function onNotKept(core: Core, why: NotKept): void {
  if (core.unanswered === 0) return;
  core.unanswered -= 1;
  tell(core.out, { type: "not_kept", why });
}

/** The session in which it was said is gone. */
export function forgetUnanswered(core: Core): void {
  while (core.unanswered > 0) onNotKept(core, "unavailable");
}
