import type { DeviceError } from "../../generated/DeviceError";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { SpeakerChoice } from "../../generated/SpeakerChoice";
import { deviceError } from "./deviceErrors";
import { soundContext } from "./soundContext";

export interface RemoteSoundObserver {
  /** Whether the browser holds sound back until the user acts. */
  blocked(blocked: boolean): void;
  failed(error: DeviceError): void;
}

/** Plays the other participants' sound on the chosen speaker. */
export class RemoteSound {
  readonly #observer: RemoteSoundObserver;
  readonly #elements = new Map<ParticipantId, HTMLAudioElement>();
  #speaker: SpeakerChoice = "default";
  #mix: { context: AudioContext; analyser: AnalyserNode; heard: Set<MediaStreamTrack> } | undefined;

  constructor(observer: RemoteSoundObserver) {
    this.#observer = observer;
  }

  add(participant: ParticipantId, track: MediaStreamTrack): void {
    const element = new Audio();
    element.srcObject = new MediaStream([track]);
    this.#elements.set(participant, element);
    void this.#route(element).then(() => this.#play(element));
    if (this.#mix !== undefined) this.analyser();
  }

  remove(participant: ParticipantId): void {
    const element = this.#elements.get(participant);
    if (element === undefined) return;
    element.srcObject = null;
    this.#elements.delete(participant);
  }

  select(speaker: SpeakerChoice): void {
    this.#speaker = speaker;
    for (const element of this.#elements.values()) void this.#route(element);
  }

  /** Plays what was held back; works from within a click. */
  allow(): void {
    this.#observer.blocked(false);
    for (const element of this.#elements.values()) void this.#play(element);
  }

  /** An analyser that hears everybody, from now on. */
  analyser(): AnalyserNode {
    const context = soundContext();
    this.#mix ??= { context, analyser: new AnalyserNode(context, { fftSize: 8192 }), heard: new Set() };
    const { analyser, heard } = this.#mix;
    for (const { srcObject } of this.#elements.values()) {
      const track = srcObject instanceof MediaStream ? srcObject.getAudioTracks()[0] : undefined;
      if (track === undefined || heard.has(track)) continue;
      heard.add(track);
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    }
    return analyser;
  }

  async #play(element: HTMLAudioElement): Promise<void> {
    try {
      await element.play();
    } catch (error) {
      // Any other failure is the track's end, which is told by the call.
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#observer.blocked(true);
    }
  }

  async #route(element: HTMLAudioElement): Promise<void> {
    element.muted = this.#speaker === "none";
    // Missing where a page cannot choose the speaker; the system's choice is then the only one.
    if (this.#speaker === "none" || !("setSinkId" in element)) return;
    try {
      await element.setSinkId(this.#speaker === "default" ? "" : this.#speaker);
    } catch (error) {
      this.#observer.failed(deviceError("speaker", error));
    }
  }
}
