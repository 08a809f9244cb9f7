import type { StreamId } from "../../generated/StreamId";
import { streamKey } from "../CallEngine";
import { parseFrame } from "./frames";
import { Painter } from "./Painter";
import { PaintTurns } from "./PaintTurns";

/** Where the app offers frames; the token is good for this page only. */
export interface FrameSocketAddress {
  url: string;
  token: string;
}

/** What the app says beside the frames: which index stands for which stream. */
type Announcement = { type: "stream"; index: number; stream: StreamId } | { type: "stream_end"; index: number };

const RETRY_MS = 1000;
const OWN = streamKey({ type: "own" });

/** The loopback WebSocket that brings decoded pictures from the app, and a painter for each stream. */
export class FrameSocket {
  readonly #address: () => Promise<FrameSocketAddress>;
  readonly #painters = new Map<string, Painter>();
  readonly #streams = new Map<number, string>();
  readonly #turns = new PaintTurns();
  #socket: WebSocket | undefined;

  constructor(address: () => Promise<FrameSocketAddress>) {
    this.#address = address;
    void this.#open();
  }

  /** The painter of a stream, whether it runs already or not. */
  painter(stream: StreamId): Painter {
    return this.#painterOf(streamKey(stream));
  }

  async #open(): Promise<void> {
    try {
      const { url, token } = await this.#address();
      const address = new URL(url);
      address.searchParams.set("token", token);
      this.#connect(new WebSocket(address));
    } catch (error) {
      console.error("no frame socket", error);
      this.#retry();
    }
  }

  #connect(socket: WebSocket): void {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") this.#onAnnouncement(JSON.parse(data) as Announcement);
      else this.#onFrame(data);
    };
    socket.onclose = () => {
      for (const index of [...this.#streams.keys()]) this.#end(index);
      this.#retry();
    };
  }

  #retry(): void {
    setTimeout(() => void this.#open(), RETRY_MS);
  }

  #onAnnouncement(announcement: Announcement): void {
    switch (announcement.type) {
      case "stream":
        this.#streams.set(announcement.index, streamKey(announcement.stream));
        return;
      case "stream_end":
        return this.#end(announcement.index);
    }
  }

  #onFrame(message: ArrayBuffer): void {
    const frame = parseFrame(message);
    const key = frame && this.#streams.get(frame.stream);
    if (frame !== undefined && key !== undefined) this.#painterOf(key).take(frame);
  }

  #end(index: number): void {
    const key = this.#streams.get(index);
    this.#streams.delete(index);
    if (key !== undefined && ![...this.#streams.values()].includes(key)) this.#painterOf(key).clear();
  }

  #painterOf(key: string): Painter {
    let painter = this.#painters.get(key);
    if (painter === undefined) {
      painter = new Painter(
        (message) => this.#socket?.send(message),
        // A self-view may be a frame behind.
        (paint) => (key === OWN ? this.#turns.along(paint) : this.#turns.soon(paint)),
      );
      this.#painters.set(key, painter);
    }
    return painter;
  }
}
