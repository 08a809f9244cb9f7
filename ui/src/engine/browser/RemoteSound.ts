import type { DeviceError } from "../../generated/DeviceError";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { ParticipantLevel } from "../../generated/ParticipantLevel";
import type { SpeakerChoice } from "../../generated/SpeakerChoice";
import type { Volume } from "../../generated/Volume";
import { gain } from "../../volume";
import { deviceError } from "./deviceErrors";
import { RemoteVoice } from "./RemoteVoice";
import { soundContext } from "./soundContext";

export interface RemoteSoundObserver {
  /** Whether the browser holds sound back until the user acts. */
  blocked(blocked: boolean): void;
  failed(error: DeviceError): void;
}

/** Plays the other participants' voices and the sound of their screens on the chosen speaker, each as loud as the user wants. */
export class RemoteSound {
  readonly #observer: RemoteSoundObserver;
  readonly #voices = new Map<ParticipantId, RemoteVoice>();
  readonly #screens = new Map<ParticipantId, RemoteVoice>();
  /** What was asked for; kept while the voice is away, since it may come back by another connection. */
  readonly #volumes = new Map<ParticipantId, Volume>();
  #speaker: SpeakerChoice = "default";
  #volume: Volume = 1;
  #mix: { context: AudioContext; analyser: AnalyserNode; heard: Set<MediaStreamTrack> } | undefined;

  constructor(observer: RemoteSoundObserver) {
    this.#observer = observer;
  }

  add(participant: ParticipantId, track: MediaStreamTrack, source: "audio" | "screen_sound"): void {
    const sounds = source === "audio" ? this.#voices : this.#screens;
    sounds.get(participant)?.close();
    const voice = new RemoteVoice(track);
    sounds.set(participant, voice);
    this.#fade(participant, voice);
    void this.#route(voice).then(() => this.#play(voice));
    if (this.#mix !== undefined) this.analyser();
  }

  remove(participant: ParticipantId): void {
    for (const sounds of [this.#voices, this.#screens]) {
      sounds.get(participant)?.close();
      sounds.delete(participant);
    }
  }

  select(speaker: SpeakerChoice): void {
    this.#speaker = speaker;
    for (const [, voice] of this.#all) void this.#route(voice);
  }

  /** How loud everybody together is. */
  setVolume(volume: Volume): void {
    this.#volume = volume;
    for (const [participant, voice] of this.#all) this.#fade(participant, voice);
  }

  /** How loud a participant is among the others, until {@link forgetVolumes}. */
  setParticipantVolume(participant: ParticipantId, volume: Volume): void {
    this.#volumes.set(participant, volume);
    for (const [whose, voice] of this.#all) if (whose === participant) this.#fade(participant, voice);
  }

  /** The stay is over: the next one has other participants. */
  forgetVolumes(): void {
    this.#volumes.clear();
  }

  /** Plays what was held back; works from within a click. */
  allow(): void {
    this.#observer.blocked(false);
    for (const [, voice] of this.#all) void this.#play(voice);
  }

  /** How loud everybody's voice comes in, whatever the volume. */
  levels(): ParticipantLevel[] {
    return [...this.#voices].map(([participant, voice]) => ({ participant, level: voice.level() }));
  }

  /** An analyser that hears everybody as they come, from now on. */
  analyser(): AnalyserNode {
    const context = soundContext();
    this.#mix ??= { context, analyser: new AnalyserNode(context, { fftSize: 8192 }), heard: new Set() };
    const { analyser, heard } = this.#mix;
    for (const [, { track }] of this.#all) {
      if (heard.has(track)) continue;
      heard.add(track);
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    }
    return analyser;
  }

  get #all(): [ParticipantId, RemoteVoice][] {
    return [...this.#voices, ...this.#screens];
  }

  #fade(participant: ParticipantId, voice: RemoteVoice): void {
    voice.setGain(gain(this.#volume) * gain(this.#volumes.get(participant) ?? 1));
  }

  async #play({ element }: RemoteVoice): Promise<void> {
    try {
      await element.play();
    } catch (error) {
      // Any other failure is the track's end, which is told by the call.
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#observer.blocked(true);
    }
  }

  async #route({ element }: RemoteVoice): Promise<void> {
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
