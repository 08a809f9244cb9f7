import { parseServerMessage } from "../../call/parse";
import type { ClientMessage } from "../../generated/ClientMessage";
import type { Input } from "../../generated/Input";

type SignalingInput = Extract<
  Input,
  { type: "signaling_opened" | "signaling_closed" | "received" | "received_unknown" | "received_garbage" }
>;

/** The one WebSocket to the server: opens, closes and sends as the call core asks, and reports what happens to it. */
export class SignalingSocket {
  readonly #report: (input: SignalingInput) => void;
  #socket: WebSocket | undefined;

  constructor(report: (input: SignalingInput) => void) {
    this.#report = report;
  }

  /** Opens a connection to a server's origin; always answered by `signaling_opened` or `signaling_closed`. */
  open(server: string): void {
    this.close();
    let socket: WebSocket;
    try {
      socket = new WebSocket(signalingUrl(server));
    } catch {
      // The address is no URL: as unreachable as a server that does not answer, and never within this call.
      queueMicrotask(() => this.#report({ type: "signaling_closed" }));
      return;
    }
    this.#socket = socket;
    const current = (input: SignalingInput): void => {
      if (this.#socket === socket) this.#report(input);
    };
    socket.onopen = () => current({ type: "signaling_opened" });
    socket.onclose = () => current({ type: "signaling_closed" });
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      const message = typeof data === "string" ? parseServerMessage(data) : undefined;
      if (message === undefined) current({ type: "received_garbage" });
      else if (message === "unknown") current({ type: "received_unknown" });
      else current({ type: "received", message });
    };
  }

  /** Closes the connection; nothing more is reported of it. */
  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  /** Sends, unless the connection is gone: its loss is reported by itself. */
  send(message: ClientMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

/** Where the server at an origin speaks signaling. Throws a `TypeError` if the text is no URL. */
export function signalingUrl(server: string): string {
  const url = new URL("/ws", server);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
