import type { CameraChoice } from "../../generated/CameraChoice";
import type { DeviceList } from "../../generated/DeviceList";
import type { DeviceError } from "../../generated/DeviceError";
import type { MediaState } from "../../generated/MediaState";
import type { MicrophoneChoice } from "../../generated/MicrophoneChoice";
import type { VoiceSettings } from "../../generated/VoiceSettings";
import { bestFormat, formatConstraints, isSameFormat } from "./cameraFormat";
import { deviceError } from "./deviceErrors";
import { LocalSource, type OpenSource } from "./LocalSource";
import { openPattern } from "./pattern";
import { StandIn } from "./StandIn";
import { openTone } from "./tone";
import { openUserMedia } from "./userMedia";
import { START_TARGET, type VideoFormat } from "./VideoLadder";

/** What browsers do by themselves. */
export const USUAL_VOICE: VoiceSettings = {
  echo_cancellation: true,
  noise_suppression: "standard",
  automatic_gain: true,
  high_pass: true,
};

/** What is sent, by kind; a kind that is missing is not sent. */
export interface LocalTracks {
  audio: MediaStreamTrack | undefined;
  video: MediaStreamTrack | undefined;
}

export type LocalDevice = "camera" | "microphone";

export interface LocalMediaObserver {
  tracks(tracks: LocalTracks): void;
  /** What the others should be told. */
  state(state: MediaState): void;
  started(device: LocalDevice): void;
  /** @param standsIn whether the system's choice is used in its place */
  failed(error: DeviceError, standsIn: boolean): void;
  /** It is there again, and used again. */
  returned(device: LocalDevice): void;
}

/** Whether the user wants a device; one that failed stays off until it is switched on again. */
type Switch = "on" | "off" | "failed";

/**
 * The own camera and microphone: what the user chose, what is switched on, and the tracks that come of it.
 *
 * Devices are open only while somebody looks: in the preview or in a call. A camera that is switched off is closed, so
 * that its light goes out; a microphone is only silenced, so that it is back at once.
 */
export class LocalMedia {
  readonly #observer: LocalMediaObserver;
  readonly #camera: LocalSource;
  readonly #microphone: LocalSource;
  #cameraChoice: CameraChoice = "default";
  #microphoneChoice: MicrophoneChoice = "default";
  readonly #cameraStandIn = new StandIn(false);
  readonly #microphoneStandIn = new StandIn(true);
  #voice = USUAL_VOICE;
  #cameraSwitch: Switch = "on";
  #microphoneSwitch: Switch = "on";
  #needed = false;
  #cameraFormat: VideoFormat = START_TARGET;

  constructor(observer: LocalMediaObserver) {
    this.#observer = observer;
    this.#camera = new LocalSource((choice) => openCamera(choice, this.#cameraFormat), {
      track: (track) => this.#onTrack("camera", track),
      failed: (cause) => this.#onFailed("camera", cause),
    });
    this.#microphone = new LocalSource((choice) => openMicrophone(choice, this.#voice), {
      track: (track) => this.#onTrack("microphone", track),
      failed: (cause) => this.#onFailed("microphone", cause),
    });
  }

  get tracks(): LocalTracks {
    return { audio: this.#microphone.track, video: this.#camera.track };
  }

  get state(): MediaState {
    return {
      microphone: this.#microphoneSwitch === "on" && this.#microphoneChoice !== "none",
      camera: this.#cameraSwitch === "on" && this.#cameraChoice !== "none",
    };
  }

  /** What the camera can deliver at most; undefined while it delivers nothing. */
  get bestFormat(): VideoFormat | undefined {
    const { track } = this.#camera;
    return track && bestFormat(track);
  }

  /** Asks the camera for this, as far as it has it, now and when it is opened again. Done when it delivers that. */
  async setCameraFormat(format: VideoFormat): Promise<void> {
    if (isSameFormat(format, this.#cameraFormat)) return;
    this.#cameraFormat = format;
    try {
      await this.#camera.track?.applyConstraints(formatConstraints(format));
    } catch (error) {
      // It goes on as it is, which is no worse than before.
      console.debug("camera format not changed", error);
    }
  }

  /** Whether anybody sees or hears the devices now. */
  setNeeded(needed: boolean): void {
    this.#needed = needed;
    this.#apply();
  }

  selectCamera(choice: CameraChoice): void {
    this.#cameraChoice = choice;
    this.#cameraStandIn.choose(choice);
    this.#apply();
  }

  selectMicrophone(choice: MicrophoneChoice): void {
    this.#microphoneChoice = choice;
    this.#microphoneStandIn.choose(choice);
    this.#apply();
  }

  /** What the browser does to the voice of a microphone; it can only be said when one is opened. */
  setVoice(settings: VoiceSettings): void {
    this.#voice = settings;
    if (this.#microphoneChoice !== "tone") this.#microphone.reopen();
  }

  setCamera(on: boolean): void {
    this.#cameraSwitch = on ? "on" : "off";
    this.#apply();
  }

  setMicrophone(on: boolean): void {
    // Off keeps a microphone that failed closed: there is nothing to silence.
    if (on || this.#microphoneSwitch === "on") this.#microphoneSwitch = on ? "on" : "off";
    this.#apply();
  }

  /** These devices are there now. */
  setPresent({ cameras, microphones }: DeviceList): void {
    const cameraIsBack = this.#cameraStandIn.onPresent(cameras);
    const microphoneIsBack = this.#microphoneStandIn.onPresent(microphones);
    if (cameraIsBack) this.#onReturned("camera");
    if (microphoneIsBack) this.#onReturned("microphone");
  }

  #apply(): void {
    const { camera } = this.state;
    const microphoneUsable = this.#microphoneSwitch !== "failed" && this.#microphoneChoice !== "none";
    this.#camera.want(this.#needed && camera ? this.#cameraStandIn.choice : undefined);
    this.#microphone.want(this.#needed && microphoneUsable ? this.#microphoneStandIn.choice : undefined);
    this.#silence();
    this.#observer.state(this.state);
  }

  #silence(): void {
    const track = this.#microphone.track;
    if (track !== undefined) track.enabled = this.#microphoneSwitch === "on";
  }

  #onTrack(device: LocalDevice, track: MediaStreamTrack | undefined): void {
    this.#silence();
    this.#observer.tracks(this.tracks);
    if (track !== undefined) this.#observer.started(device);
  }

  #onFailed(device: LocalDevice, cause: unknown): void {
    const error = deviceError(device, cause);
    const standIn = device === "camera" ? this.#cameraStandIn : this.#microphoneStandIn;
    const standsIn = standIn.onFailure(error.code);
    if (!standsIn) this.#setSwitch(device, "failed");
    this.#observer.failed(error, standsIn);
    if (standsIn) this.#apply();
    else this.#observer.state(this.state);
  }

  #onReturned(device: LocalDevice): void {
    const failed = (device === "camera" ? this.#cameraSwitch : this.#microphoneSwitch) === "failed";
    if (failed) this.#setSwitch(device, "on");
    this.#observer.returned(device);
    this.#apply();
  }

  #setSwitch(device: LocalDevice, value: Switch): void {
    if (device === "camera") this.#cameraSwitch = value;
    else this.#microphoneSwitch = value;
  }
}

async function openCamera(choice: CameraChoice, format: VideoFormat): Promise<OpenSource> {
  if (choice === "pattern") return openPattern();
  return closeable(await openUserMedia("video", { ...exactly(choice), ...formatConstraints(format) }));
}

async function openMicrophone(choice: MicrophoneChoice, voice: VoiceSettings): Promise<OpenSource> {
  if (choice === "tone") return openTone();
  return closeable(
    await openUserMedia("audio", {
      ...exactly(choice),
      echoCancellation: voice.echo_cancellation,
      noiseSuppression: voice.noise_suppression !== "off",
      autoGainControl: voice.automatic_gain,
    }),
  );
}

function exactly(choice: string): MediaTrackConstraints {
  return choice === "default" ? {} : { deviceId: { exact: choice } };
}

function closeable(track: MediaStreamTrack): OpenSource {
  return { track, close: () => track.stop() };
}
