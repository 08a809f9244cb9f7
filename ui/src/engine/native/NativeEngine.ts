import type { Command } from "../../generated/Command";
import type { Event } from "../../generated/Event";
import type { HostAction } from "../../generated/HostAction";
import type { NoiseSuppression } from "../../generated/NoiseSuppression";
import type { Report } from "../../generated/Report";
import type { StreamId } from "../../generated/StreamId";
import type { VoiceSettings } from "../../generated/VoiceSettings";
import { type LumaPlane, rgbaPlane } from "../browser/marker";
import type { CallEngine, EngineEvent, EngineProbe, Launch } from "../CallEngine";
import { Listeners } from "../Listeners";
import { FrameSocket, type FrameSocketAddress } from "./FrameSocket";

/** The app's commands, by Tauri's `invoke`. */
type Invoke = <T>(command: string, parameters?: Record<string, unknown>) => Promise<T>;

/**
 * The engine of the desktop app: all media is native, this page only passes wishes on and paints.
 */
export class NativeEngine implements CallEngine {
  readonly #invoke: Invoke;
  readonly #listeners = new Listeners<EngineEvent>();
  readonly #frames: FrameSocket;
  // Without steady noise a voice sounds cleaner and duller; who wants that can ask for it.
  readonly usualVoice: VoiceSettings = {
    echo_cancellation: true,
    noise_suppression: "off",
    automatic_gain: true,
    high_pass: true,
  };
  readonly noiseSuppressions: readonly NoiseSuppression[] = ["off", "standard", "strong"];
  readonly probe: EngineProbe = {
    watchFrames: (stream, onFrame) => this.#watchFrames(stream, onFrame),
    remoteSound: () => undefined,
  };

  private constructor(invoke: Invoke) {
    this.#invoke = invoke;
    this.#frames = new FrameSocket(() => invoke<FrameSocketAddress>("frame_socket"));
  }

  /** Connects to the app around this page. */
  static async connect(): Promise<NativeEngine> {
    const [{ invoke }, { listen }] = await Promise.all([
      import("@tauri-apps/api/core"),
      import("@tauri-apps/api/event"),
    ]);
    const engine = new NativeEngine(invoke);
    await listen<Event>("engine_event", ({ payload }) => engine.#listeners.emit(payload));
    // A page that was loaded anew knows nothing of the call before.
    engine.leave();
    return engine;
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  async launch(): Promise<Launch> {
    const { link, enter } = await this.#invoke<{ link: string | null; enter: boolean }>("launch");
    return { server: undefined, link: link ?? undefined, strangers: true, reports: true, enter };
  }

  listDevices(): void {
    this.#send({ type: "list_devices" });
  }

  selectCamera(camera: string): void {
    this.#send({ type: "select_camera", camera });
  }

  selectMicrophone(microphone: string): void {
    this.#send({ type: "select_microphone", microphone });
  }

  selectSpeaker(speaker: string): void {
    this.#send({ type: "select_speaker", speaker });
  }

  setVoiceProcessing(settings: VoiceSettings): void {
    this.#send({ type: "set_voice_processing", settings });
  }

  setOutputVolume(volume: number): void {
    this.#send({ type: "set_output_volume", volume });
  }

  setParticipantVolume(participant: string, volume: number): void {
    this.#send({ type: "set_participant_volume", participant, volume });
  }

  setPreview(on: boolean): void {
    this.#send({ type: "set_preview", on });
  }

  setMicrophone(on: boolean): void {
    this.#send({ type: "set_microphone", on });
  }

  setCamera(on: boolean): void {
    this.#send({ type: "set_camera", on });
  }

  readonly screenPicker = "page";

  listScreens(): void {
    this.#send({ type: "list_screens" });
  }

  shareScreen(screen = "screen", sound = false): void {
    this.#send({ type: "share_screen", screen, sound });
  }

  stopScreen(): void {
    this.#send({ type: "stop_screen" });
  }

  /** The app's sound is never held back. */
  allowSound(): void {}

  join(call: { server: string; room: string; name: string; token?: string }): void {
    this.#send({ type: "join", ...call });
  }

  seek(call: { server: string; name: string; token?: string }): void {
    this.#send({ type: "seek", ...call });
  }

  next(): void {
    this.#send({ type: "next" });
  }

  leave(): void {
    this.#send({ type: "leave" });
  }

  report(report: Report): void {
    this.#send({ type: "report", ...report });
  }

  block(participant: string): void {
    this.#send({ type: "block", participant });
  }

  consent(): void {
    this.#send({ type: "consent" });
  }

  host(action: HostAction): void {
    this.#send({ type: "host", action });
  }

  mountVideo(stream: StreamId, host: HTMLElement): () => void {
    return this.#frames.painter(stream).mount(host);
  }

  #send(command: Command): void {
    this.#invoke("engine_command", { command }).catch((error: unknown) => console.error(command.type, error));
  }

  #watchFrames(stream: StreamId, onFrame: (picture: LumaPlane) => void): () => void {
    return this.#frames.painter(stream).watch((canvas) => {
      const { width, height } = canvas;
      const image = canvas.getContext("2d")?.getImageData(0, 0, width, height);
      if (image !== undefined) onFrame(rgbaPlane(image.data, width, height));
    });
  }
}
