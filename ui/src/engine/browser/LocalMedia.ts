import type { CameraChoice } from "../../generated/CameraChoice";
import type { DeviceError } from "../../generated/DeviceError";
import type { MediaState } from "../../generated/MediaState";
import type { MicrophoneChoice } from "../../generated/MicrophoneChoice";
import { deviceError } from "./deviceErrors";
import { LocalSource, type OpenSource } from "./LocalSource";
import { openPattern } from "./pattern";
import { openTone } from "./tone";
import { openUserMedia } from "./userMedia";

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
  failed(error: DeviceError): void;
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
  #cameraSwitch: Switch = "on";
  #microphoneSwitch: Switch = "on";
  #needed = false;

  constructor(observer: LocalMediaObserver) {
    this.#observer = observer;
    this.#camera = new LocalSource(openCamera, {
      track: (track) => this.#onTrack("camera", track),
      failed: (cause) => {
        this.#cameraSwitch = "failed";
        this.#onFailed("camera", cause);
      },
    });
    this.#microphone = new LocalSource(openMicrophone, {
      track: (track) => this.#onTrack("microphone", track),
      failed: (cause) => {
        this.#microphoneSwitch = "failed";
        this.#onFailed("microphone", cause);
      },
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

  /** Whether anybody sees or hears the devices now. */
  setNeeded(needed: boolean): void {
    this.#needed = needed;
    this.#apply();
  }

  selectCamera(choice: CameraChoice): void {
    this.#cameraChoice = choice;
    this.#apply();
  }

  selectMicrophone(choice: MicrophoneChoice): void {
    this.#microphoneChoice = choice;
    this.#apply();
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

  #apply(): void {
    const { camera } = this.state;
    const microphoneUsable = this.#microphoneSwitch !== "failed" && this.#microphoneChoice !== "none";
    this.#camera.want(this.#needed && camera ? this.#cameraChoice : undefined);
    this.#microphone.want(this.#needed && microphoneUsable ? this.#microphoneChoice : undefined);
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
    this.#observer.failed(deviceError(device, cause));
    this.#observer.state(this.state);
  }
}

async function openCamera(choice: CameraChoice): Promise<OpenSource> {
  if (choice === "pattern") return openPattern();
  return closeable(
    await openUserMedia("video", {
      ...exactly(choice),
      width: { ideal: 640 },
      height: { ideal: 360 },
      frameRate: { ideal: 15 },
    }),
  );
}

async function openMicrophone(choice: MicrophoneChoice): Promise<OpenSource> {
  if (choice === "tone") return openTone();
  return closeable(
    await openUserMedia("audio", {
      ...exactly(choice),
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    }),
  );
}

function exactly(choice: string): MediaTrackConstraints {
  return choice === "default" ? {} : { deviceId: { exact: choice } };
}

function closeable(track: MediaStreamTrack): OpenSource {
  return { track, close: () => track.stop() };
}
