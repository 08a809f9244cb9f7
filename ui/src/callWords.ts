import type { CallErrorCode } from "./generated/CallErrorCode";
import type { Model, Other } from "./model";
import { strings } from "./strings";

/** How much attention a state deserves. */
export type Tone = "calm" | "good" | "busy" | "bad";

export interface StateWords {
  text: string;
  tone: Tone;
}

/** The state of the connection in words: the server's if that is in doubt, else that of the path that is worst. */
export function stateWords({ call, others }: Pick<Model, "call" | "others">): StateWords {
  switch (call.type) {
    case "idle":
      return { text: strings.state.idle, tone: "calm" };
    case "joining":
      return { text: strings.state.joining, tone: "busy" };
    case "queued":
      return { text: strings.state.queued, tone: "busy" };
    case "waiting":
      return { text: strings.state.lobby, tone: "busy" };
    case "reconnecting":
      return mediaFlows(others)
        ? { text: strings.state.serverAway, tone: "calm" }
        : { text: strings.state.reconnecting, tone: "busy" };
    case "ended":
      return { text: strings.state.ended, tone: "calm" };
    case "in_room":
      return othersWords(others);
  }
}

/** What went wrong, as far as the user has to know: a server that is away is no matter while people see each other. */
export function errorToShow({ callError, others }: Pick<Model, "callError" | "others">): CallErrorCode | undefined {
  const isServerAway = callError === "server_lost" || callError === "server_closing";
  return isServerAway && mediaFlows(others) ? undefined : callError;
}

function mediaFlows(others: Other[]): boolean {
  return others.some(({ peer }) => peer === "connected");
}

function othersWords(others: Other[]): StateWords {
  for (const peer of ["failed", "reconnecting", "connecting"] as const) {
    const other = others.find((one) => one.peer === peer);
    if (other === undefined) continue;
    switch (peer) {
      case "failed":
        return { text: strings.state.failed(other.name), tone: "bad" };
      case "reconnecting":
        return { text: strings.state.restoring(other.name), tone: "busy" };
      case "connecting":
        return { text: strings.state.connecting(other.name), tone: "busy" };
    }
  }
  return others.length === 0
    ? { text: strings.state.waiting, tone: "calm" }
    : { text: strings.state.connected, tone: "good" };
}
