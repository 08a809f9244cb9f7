/** What a call knows, and what several of its parts do with it. Only `Call` and the parts beside this file have one. */

import type { CallErrorCode } from "../../generated/CallErrorCode";
import type { CallState } from "../../generated/CallState";
import type { ClientMessage } from "../../generated/ClientMessage";
import type { Consent } from "../../generated/Consent";
import type { Door } from "../../generated/Door";
import type { LeaveReason } from "../../generated/LeaveReason";
import type { Output } from "../../generated/Output";
import type { Participant } from "../../generated/Participant";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { PathReport } from "../../generated/PathReport";
import type { Conversation } from "../conversation";
import { type Ice, Peer, tell } from "../peer";
import * as session from "../session";
import type { Session, Wish } from "../session";
import { iceHere } from "./consent";

export class Core {
  /** Program name and version, said in the hello. */
  readonly client: string;
  session: Session = { type: "off" };
  /** There once the server has named a session. */
  conversation: Conversation | undefined;
  wish: Wish | undefined;
  /** Whether the server knows what stranger is sought. */
  isSought = false;
  ice: Ice = { ice_servers: [] };
  /** Whether the server wants to know how media gets through. */
  pathReports = false;
  readonly peers = new Map<ParticipantId, Peer>();
  /** Who waits in the lobby, as far as this client, a host, knows. */
  knocks: ParticipantId[] = [];
  /** Reports and blocks that the server has not answered. */
  unanswered = 0;
  /** Own messages that the server has missed; they have their numbers already. */
  readonly replay: ClientMessage[] = [];
  readonly out: Output[] = [];

  constructor(client: string) {
    this.client = client;
  }

  isMe(id: ParticipantId): boolean {
    return this.session.type === "staying" && this.session.stay.type === "in_room" && this.session.stay.you === id;
  }

  changeStay(change: { host: boolean } | { door: Door } | { consent: Consent }): void {
    if (this.session.type !== "staying" || this.session.stay.type !== "in_room") return;
    this.stay({ ...this.session.stay, ...change });
  }

  stay(stay: session.Stay): void {
    this.session = { type: "staying", stay };
    this.tellState(session.stateOf(stay));
  }

  onParticipantJoined(nowMs: number, participant: Participant): void {
    if (!session.isInRoom(this.session)) return;
    if (this.isMe(participant.id)) return;
    const ice = iceHere(this);
    const known = this.peers.get(participant.id);
    if (known !== undefined) {
      known.goOn(nowMs, participant, ice, this.out);
      return this.report(known.handleTimeout(nowMs, true, ice, this.out));
    }
    this.peers.set(participant.id, Peer.open(nowMs, participant, ice, this.out));
  }

  onParticipantLeft(id: ParticipantId, reason: LeaveReason): void {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    this.peers.delete(id);
    peer.close(this.out);
    tell(this.out, { type: "participant_left", participant: id, reason });
  }

  handlePeerTimeouts(nowMs: number): void {
    const reachable = session.isInRoom(this.session);
    const ice = iceHere(this);
    const gone: ParticipantId[] = [];
    const reports: (PathReport | undefined)[] = [];
    for (const peer of this.peersInOrder()) {
      reports.push(peer.handleTimeout(nowMs, reachable, ice, this.out));
      if (peer.hasMissedReturn(nowMs, reachable)) gone.push(peer.id);
    }
    for (const id of gone) this.onParticipantLeft(id, "disconnected");
    for (const report of reports) this.report(report);
  }

  /** Whether the server wants to know how media gets through, and is there to be told. */
  get isToReport(): boolean {
    return this.pathReports && session.isInRoom(this.session);
  }

  report(report: PathReport | undefined): void {
    if (report !== undefined && this.isToReport) this.send({ type: "path", payload: report });
  }

  /** By id: the order in which both implementations of the core do things. */
  peersInOrder(): Peer[] {
    return [...this.peers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  takePeers(): Peer[] {
    const peers = this.peersInOrder();
    this.peers.clear();
    return peers;
  }

  fail(code: CallErrorCode): void {
    if (this.session.type === "off") return;
    this.tellError(code);
    this.end();
  }

  end(): void {
    for (const peer of this.takePeers()) peer.close(this.out);
    this.out.push({ type: "close_signaling" });
    this.session = { type: "off" };
    this.wish = undefined;
    this.conversation = undefined;
    this.knocks = [];
    this.unanswered = 0;
    this.tellState({ type: "ended" });
  }

  send(message: ClientMessage): void {
    this.out.push({ type: "send", message });
  }

  tellState(state: CallState): void {
    tell(this.out, { type: "state", state });
  }

  tellError(code: CallErrorCode): void {
    tell(this.out, { type: "error", code });
  }
}
