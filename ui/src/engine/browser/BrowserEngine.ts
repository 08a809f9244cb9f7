import { Call } from "../../call/Call";
import type { CallEvent } from "../../generated/CallEvent";
import type { DeviceError } from "../../generated/DeviceError";
import type { HostAction } from "../../generated/HostAction";
import type { Input } from "../../generated/Input";
import type { MediaState } from "../../generated/MediaState";
import type { NoiseSuppression } from "../../generated/NoiseSuppression";
import type { Output } from "../../generated/Output";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { Report } from "../../generated/Report";
import type { StreamId } from "../../generated/StreamId";
import type { VoiceSettings } from "../../generated/VoiceSettings";
import type { Volume } from "../../generated/Volume";
import type { CallEngine, EngineEvent, EngineProbe, Launch } from "../CallEngine";
import { Listeners } from "../Listeners";
import { listDevices } from "./devices";
import { features } from "./features";
import { LevelMeter } from "./LevelMeter";
import { LocalMedia, USUAL_VOICE } from "./LocalMedia";
import { canShareScreen, LocalScreen } from "./LocalScreen";
import { watchNetwork } from "./network";
import { PeerConnection, type SentTracks } from "./PeerConnection";
import { BrowserProbe } from "./BrowserProbe";
import { RemoteSound } from "./RemoteSound";
import { RemoteTracks } from "./RemoteTracks";
import { SendingControl } from "./SendingControl";
import { SignalingSocket } from "./SignalingSocket";
import { StatsSampler } from "./StatsSampler";
import { START_TARGET } from "./VideoLadder";
import { VideoStreams } from "./VideoStreams";
import { VoiceLevels } from "./VoiceLevels";

const CLIENT = `visavis-tab/${__VISAVIS_VERSION__}`;

/**
 * A call on the browser's own `RTCPeerConnection`.
 *
 * The shell around the call core: hands it what happens with the time it happened, and does what it says. Each concern
 * has one object that owns it; this one owns the core, its clock and the peer connections.
 */
export class BrowserEngine implements CallEngine {
  readonly #call = new Call(CLIENT);
  readonly #listeners = new Listeners<EngineEvent>();
  readonly #socket = new SignalingSocket((input) => this.#handle(input));
  readonly #peers = new Map<ParticipantId, PeerConnection>();
  readonly #videos = new VideoStreams({
    started: (stream) => this.#emit({ type: "video_started", stream }),
    ended: (stream) => this.#emit({ type: "video_ended", stream }),
  });
  readonly #sound = new RemoteSound({
    blocked: (blocked) => this.#emit({ type: "sound_blocked", blocked }),
    failed: (error) => this.#onDeviceFailed(error, false),
  });
  readonly #remote = new RemoteTracks(this.#videos, this.#sound, (source) =>
    this.#stats?.reached(source === "audio" ? "first_audio_ms" : "first_frame_ms"),
  );
  readonly #meter = new LevelMeter((level) => this.#emit({ type: "microphone_level", level }));
  readonly #local = new LocalMedia({
    tracks: () => this.#onLocalTracks(),
    state: () => this.#onLocalState(),
    started: (device) => {
      this.#emit({ type: "device_started", device });
      // Names of devices are told only once one of them is allowed.
      this.listDevices();
    },
    failed: (error, standsIn) => this.#onDeviceFailed(error, standsIn),
    returned: (device) => this.#emit({ type: "device_returned", device }),
  });
  readonly usualVoice = USUAL_VOICE;
  readonly noiseSuppressions: readonly NoiseSuppression[] = ["off", "standard"];
  readonly #screen = new LocalScreen({
    track: (track) => {
      this.#onLocalTracks();
      if (track !== undefined) this.#emit({ type: "screen_started" });
      if (this.#screen.sound !== undefined) this.#emit({ type: "screen_sound", on: true });
      this.#onLocalState();
    },
    ended: (error) => this.#emit({ type: "screen_ended", error: error ?? null }),
  });
  readonly screenPicker = canShareScreen() ? "system" : "none";
  readonly probe: EngineProbe = new BrowserProbe(this.#videos, this.#sound);
  #server = "";
  #stats: StatsSampler | undefined;
  #levels: VoiceLevels | undefined;
  #preview = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    navigator.mediaDevices?.addEventListener("devicechange", () => this.listDevices());
    watchNetwork(() => this.#handle({ type: "network_changed" }));
    // A closed tab says good-bye; otherwise the others wait for its connection to time out.
    window.addEventListener("pagehide", () => this.leave());
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  async launch(): Promise<Launch> {
    return { server: location.origin, link: location.href, ...(await features()), enter: false };
  }

  listDevices(): void {
    void listDevices().then((devices) => {
      this.#emit({ type: "devices", devices });
      this.#local.setPresent(devices);
    });
  }

  selectCamera(camera: string): void {
    this.#local.selectCamera(camera);
  }

  selectMicrophone(microphone: string): void {
    this.#local.selectMicrophone(microphone);
  }

  selectSpeaker(speaker: string): void {
    this.#sound.select(speaker);
  }

  setVoiceProcessing(settings: VoiceSettings): void {
    this.#local.setVoice(settings);
  }

  setOutputVolume(volume: Volume): void {
    this.#sound.setVolume(volume);
  }

  setParticipantVolume(participant: ParticipantId, volume: Volume): void {
    this.#sound.setParticipantVolume(participant, volume);
  }

  setPreview(on: boolean): void {
    this.#preview = on;
    this.#updateNeed();
  }

  setMicrophone(on: boolean): void {
    this.#local.setMicrophone(on);
  }

  setCamera(on: boolean): void {
    this.#local.setCamera(on);
  }

  listScreens(): void {
    this.#emit({ type: "screens", screens: [], sound: false, error: null });
  }

  shareScreen(screen?: string, sound = false): void {
    void this.#screen.share(screen, sound);
  }

  stopScreen(): void {
    this.#screen.stop();
  }

  allowSound(): void {
    this.#sound.allow();
  }

  join({ server, ...call }: { server: string; room: string; name: string; token?: string }): void {
    this.#begin(server, { type: "join", ...call, media: this.#media });
  }

  seek({ server, name, token }: { server: string; name: string; token?: string }): void {
    this.#begin(server, { type: "seek", seek: { name, media: this.#media }, ...(token !== undefined && { token }) });
  }

  next(): void {
    this.#handle({ type: "next" });
  }

  leave(): void {
    this.#handle({ type: "leave" });
  }

  report(report: Report): void {
    this.#handle({ type: "report", report });
  }

  block(participant: ParticipantId): void {
    this.#handle({ type: "block", participant });
  }

  consent(): void {
    this.#handle({ type: "consent" });
  }

  host(action: HostAction): void {
    this.#handle({ type: "host", action });
  }

  mountVideo(stream: StreamId, host: HTMLElement): () => void {
    return this.#videos.mount(stream, host);
  }

  #handle(input: Input): void {
    this.#call.handle(performance.now(), input);
    this.#drain();
  }

  #drain(): void {
    for (let output = this.#call.pollOutput(); output !== undefined; output = this.#call.pollOutput()) {
      this.#perform(output);
    }
    clearTimeout(this.#timer);
    const due = this.#call.pollTimeoutMs();
    if (due === undefined) return;
    this.#timer = setTimeout(() => {
      this.#call.handleTimeout(performance.now());
      this.#drain();
    }, Math.max(due - performance.now(), 0));
  }

  #perform(output: Output): void {
    switch (output.type) {
      case "open_signaling":
        return this.#socket.open(this.#server);
      case "close_signaling":
        return this.#socket.close();
      case "send":
        return this.#socket.send(output.message);
      case "keep_guest":
        return this.#emit({ type: "guest", server: this.#server, token: output.token });
      case "open_peer":
        return this.#openPeer(output);
      case "set_ice_mode":
        return this.#peers.get(output.peer)?.setIceMode(output.ice_mode);
      case "close_peer":
        return this.#closePeer(output.peer);
      case "create_offer":
        return this.#peers.get(output.peer)?.createOffer(output.ice_restart);
      case "accept_offer":
        return this.#peers.get(output.peer)?.acceptOffer(output.sdp, output.rollback);
      case "accept_answer":
        return this.#peers.get(output.peer)?.acceptAnswer(output.sdp);
      case "add_candidate":
        return this.#peers.get(output.peer)?.addCandidate(output.candidate);
      case "end_candidates":
        return this.#peers.get(output.peer)?.endCandidates(output.ufrag);
      case "event":
        return this.#onCallEvent(output.event);
    }
  }

  #openPeer({ peer, ice_servers, ice_mode = "all" }: Extract<Output, { type: "open_peer" }>): void {
    try {
      const connection = new PeerConnection(peer, { iceServers: ice_servers, iceTransportPolicy: ice_mode }, this.#tracks, {
        input: (input) => this.#handle(input),
        track: (track, source) => this.#remote.add(peer, track, source),
      });
      this.#peers.set(peer, connection);
    } catch (error) {
      // The browser refuses servers that the signaling server has configured wrongly.
      console.error("no peer connection", error);
      queueMicrotask(() => this.#handle({ type: "negotiation_failed", peer }));
    }
  }

  #closePeer(peer: ParticipantId): void {
    this.#peers.get(peer)?.close();
    this.#peers.delete(peer);
    this.#remote.remove(peer);
  }

  get #tracks(): SentTracks {
    return { ...this.#local.tracks, screen: this.#screen.track, screen_sound: this.#screen.sound };
  }

  get #media(): MediaState {
    return { ...this.#local.state, ...(this.#screen.track !== undefined && { screen: true }) };
  }

  #onLocalTracks(): void {
    const tracks = this.#tracks;
    for (const peer of this.#peers.values()) peer.setTracks(tracks);
    this.#videos.set({ type: "own" }, tracks.video);
    this.#meter.setTrack(tracks.audio);
  }

  #onLocalState(): void {
    this.#handle({ type: "set_media", media: this.#media });
  }

  #begin(server: string, wanted: Input): void {
    if (this.#stats !== undefined) return;
    this.#server = server;
    const sending = new SendingControl(this.#peers, this.#local);
    this.#stats = new StatsSampler(this.#peers, (stats, sent) => {
      void sending.handle(performance.now(), sent);
      for (const { participant, candidate_pair: pair } of stats.peers) {
        if (pair !== null) this.#handle({ type: "selected_pair", peer: participant, pair });
      }
      this.#emit({ type: "stats", stats });
    });
    this.#levels = new VoiceLevels(this.#sound, (levels) => this.#emit({ type: "participant_levels", levels }));
    this.#updateNeed();
    this.#handle(wanted);
  }

  #onDeviceFailed(error: DeviceError, standsIn: boolean): void {
    this.#emit({ type: "device_failed", error, stand_in: standsIn });
  }

  #onCallEvent(event: CallEvent): void {
    switch (event.type) {
      case "state":
        if (event.state.type === "in_room") this.#stats?.reached("joined_ms");
        if (event.state.type === "ended") this.#endStay();
        break;
      case "participant_joined":
        this.#stats?.reached("peer_present_ms");
        break;
      case "peer":
        if (event.state === "connected") this.#stats?.reached("connected_ms");
        break;
      case "media":
        this.#remote.setMedia(event.participant, event.media);
        break;
      case "participant_changed":
        this.#remote.setMedia(event.participant.id, event.participant.media);
        break;
      case "muted":
        this.#local.setMicrophone(false);
        break;
      case "participant_left":
      case "host":
      case "knock":
      case "knock_ended":
      case "reported":
      case "blocked":
      case "not_kept":
      case "notice":
      case "error":
        break;
    }
    this.#emit({ type: "call", event });
  }

  #endStay(): void {
    this.#screen.stop();
    this.#stats?.stop();
    this.#stats = undefined;
    this.#levels?.stop();
    this.#levels = undefined;
    this.#sound.forgetVolumes();
    void this.#local.setCameraFormat(START_TARGET);
    this.#updateNeed();
  }

  #updateNeed(): void {
    this.#local.setNeeded(this.#preview || this.#stats !== undefined);
  }

  #emit(event: EngineEvent): void {
    this.#listeners.emit(event);
  }
}
