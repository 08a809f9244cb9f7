import type { MediaState } from "../../generated/MediaState";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { RemoteSound } from "./RemoteSound";
import type { Source } from "./sections";
import type { VideoStreams } from "./VideoStreams";

/** What the others send, from their peer connections to where it is heard and seen. */
export class RemoteTracks {
  readonly #videos: VideoStreams;
  readonly #sound: RemoteSound;
  readonly #onFirst: (source: "audio" | "video") => void;
  /** What takes the listeners away from the tracks of a connection that is closed. */
  readonly #closings = new Map<ParticipantId, AbortController>();
  /** Screens that have been seen, now or earlier: a participant shares another one over the same track. */
  readonly #screens = new Map<ParticipantId, MediaStreamTrack>();

  /** `onFirst` is told of the first that comes of a participant's microphone and camera. */
  constructor(videos: VideoStreams, sound: RemoteSound, onFirst: (source: "audio" | "video") => void) {
    this.#videos = videos;
    this.#sound = sound;
    this.#onFirst = onFirst;
  }

  add(participant: ParticipantId, track: MediaStreamTrack, source: Source): void {
    if (source === "audio" || source === "screen_sound") this.#sound.add(participant, track, source);
    // A track is muted until its first packet comes.
    const delivers = (): void => this.#onDelivers(participant, track, source);
    if (track.muted) track.addEventListener("unmute", delivers, { once: true, signal: this.#closing(participant) });
    else delivers();
  }

  /** The connection to a participant is closed. */
  remove(participant: ParticipantId): void {
    this.#closings.get(participant)?.abort();
    this.#closings.delete(participant);
    this.#sound.remove(participant);
    this.#screens.delete(participant);
    this.#videos.set({ type: "screen", participant }, undefined);
    this.#videos.set({ type: "participant", participant }, undefined);
  }

  setMedia(participant: ParticipantId, media: MediaState): void {
    const screen = this.#screens.get(participant);
    if (screen !== undefined) this.#videos.set({ type: "screen", participant }, media.screen ? screen : undefined);
  }

  #closing(participant: ParticipantId): AbortSignal {
    const closing = this.#closings.get(participant) ?? new AbortController();
    this.#closings.set(participant, closing);
    return closing.signal;
  }

  #onDelivers(participant: ParticipantId, track: MediaStreamTrack, source: Source): void {
    switch (source) {
      case "audio":
        return this.#onFirst(source);
      case "video":
        this.#onFirst(source);
        return this.#videos.set({ type: "participant", participant }, track);
      case "screen":
        this.#screens.set(participant, track);
        return this.#videos.set({ type: "screen", participant }, track);
      case "screen_sound":
        return;
    }
  }
}
