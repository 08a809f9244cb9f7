import type { Candidate } from "../../generated/Candidate";
import type { Input } from "../../generated/Input";
import type { ParticipantId } from "../../generated/ParticipantId";
import type { PathState } from "../../generated/PathState";
import { iceUfrag } from "./candidates";
import { MAX_SCREEN_BPS, preferred, type SendingLimits, START_LIMITS, videoEncoding } from "./encodings";
import type { LocalTracks } from "./LocalMedia";
import { kindOf, type Source, SOURCES, sourcesByMid } from "./sections";

/** The least that Opus can do, in bit/s. */
const LEAST_OPUS_BPS = 6_000;

/** What is sent; a source that is missing is not. */
export interface SentTracks extends LocalTracks {
  screen: MediaStreamTrack | undefined;
  screen_sound: MediaStreamTrack | undefined;
}

export interface PeerConnectionObserver {
  /** A result or happening for the call core. */
  input(input: Input): void;
  /** The remote side's track of a source; each comes once. */
  track(track: MediaStreamTrack, source: Source): void;
}

/**
 * One `RTCPeerConnection`: does what the call core asks, strictly one operation after the other, and answers each.
 *
 * It decides nothing about the negotiation or the limits; it keeps one transceiver for each source.
 */
export class PeerConnection {
  readonly #peer: ParticipantId;
  readonly #observer: PeerConnectionObserver;
  readonly #connection: RTCPeerConnection;
  /** The local tracks' common stream: what arrives over one stream is played in sync. */
  readonly #stream = new MediaStream();
  readonly #screenStream = new MediaStream();
  readonly #transceivers = new Map<Source, RTCRtpTransceiver>();
  #tracks: SentTracks;
  #limits: SendingLimits = START_LIMITS;
  #operations: Promise<void> = Promise.resolve();
  #closed = false;

  /** @param ice where paths are found, and which media may take */
  constructor(
    peer: ParticipantId,
    ice: Pick<RTCConfiguration, "iceServers" | "iceTransportPolicy">,
    tracks: SentTracks,
    observer: PeerConnectionObserver,
  ) {
    this.#peer = peer;
    this.#observer = observer;
    this.#tracks = tracks;
    this.#connection = new RTCPeerConnection({ ...ice, bundlePolicy: "max-bundle" });
    this.#listen();
  }

  /** From the next ICE restart on media may take these paths. */
  setIceMode(iceTransportPolicy: RTCIceTransportPolicy): void {
    this.#enqueue(async () => {
      this.#connection.setConfiguration({ ...this.#connection.getConfiguration(), iceTransportPolicy });
    });
  }

  createOffer(iceRestart: boolean): void {
    this.#negotiate(async () => {
      await this.#offerTransceivers();
      const { sdp = "" } = await this.#connection.createOffer({ iceRestart });
      await this.#connection.setLocalDescription({ type: "offer", sdp });
      return { type: "offer_created", peer: this.#peer, sdp };
    });
  }

  acceptOffer(offer: string, rollback: boolean): void {
    this.#negotiate(async () => {
      if (rollback) await this.#connection.setLocalDescription({ type: "rollback" });
      await this.#connection.setRemoteDescription({ type: "offer", sdp: offer });
      await this.#adoptTransceivers();
      const { sdp = "" } = await this.#connection.createAnswer();
      await this.#connection.setLocalDescription({ type: "answer", sdp });
      await this.#limit();
      return { type: "answer_created", peer: this.#peer, sdp };
    });
  }

  acceptAnswer(sdp: string): void {
    this.#negotiate(async () => {
      await this.#connection.setRemoteDescription({ type: "answer", sdp });
      await this.#limit();
      return { type: "answer_accepted", peer: this.#peer };
    });
  }

  addCandidate({ candidate, mid, ufrag }: Candidate): void {
    this.#enqueue(() =>
      this.#connection.addIceCandidate({ candidate, sdpMid: mid, usernameFragment: ufrag }).catch(ignoreCandidate),
    );
  }

  /** The remote side has no more candidates: an empty candidate says so (RFC 8838 section 13). */
  endCandidates(ufrag: string): void {
    this.#enqueue(() =>
      this.#connection.addIceCandidate({ candidate: "", sdpMid: "0", usernameFragment: ufrag }).catch(ignoreCandidate),
    );
  }

  /** Sends these tracks from now on, without a new negotiation. */
  setTracks(tracks: SentTracks): void {
    this.#tracks = tracks;
    this.#enqueue(async () => {
      for (const [source, { sender, direction }] of this.#transceivers) {
        if (direction !== "stopped") await sender.replaceTrack(this.#tracks[source] ?? null);
      }
      await this.#limit();
    });
  }

  /** Sends no more than this from now on. */
  setLimits(limits: SendingLimits): void {
    this.#limits = limits;
    this.#enqueue(() => this.#limit());
  }

  get sendsScreen(): boolean {
    return this.#tracks.screen !== undefined;
  }

  get sendsScreenSound(): boolean {
    return this.#tracks.screen_sound !== undefined;
  }

  /** Of the media sections, as the remote side describes them. */
  get sources(): Map<string, Source> {
    return sourcesByMid(this.#connection.remoteDescription?.sdp ?? "");
  }

  stats(): Promise<RTCStatsReport> {
    return this.#connection.getStats();
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
  }

  #listen(): void {
    const connection = this.#connection;
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null) this.#onGathered();
      else if (candidate.candidate !== "") this.#onCandidate(candidate);
    };
    connection.onconnectionstatechange = () => {
      const state = pathState(connection.connectionState);
      if (state !== undefined) this.#tell({ type: "path", peer: this.#peer, state });
    };
    connection.ontrack = ({ track, transceiver }) => {
      const source = this.sources.get(transceiver.mid ?? "");
      if (!this.#closed && source !== undefined) this.#observer.track(track, source);
    };
    connection.onnegotiationneeded = () => {
      // Before the first exchange this tells only what the call core has planned already.
      if (connection.currentLocalDescription !== null) {
        this.#tell({ type: "negotiation_needed", peer: this.#peer });
      }
    };
  }

  #onCandidate({ candidate, sdpMid, usernameFragment }: RTCIceCandidate): void {
    const ufrag = usernameFragment ?? this.#localUfrag();
    if (ufrag !== undefined) {
      this.#tell({ type: "local_candidate", peer: this.#peer, candidate: { candidate, mid: sdpMid ?? "0", ufrag } });
    }
  }

  #onGathered(): void {
    const ufrag = this.#localUfrag();
    if (ufrag !== undefined) this.#tell({ type: "local_candidates_ended", peer: this.#peer, ufrag });
  }

  #localUfrag(): string | undefined {
    return iceUfrag(this.#connection.localDescription?.sdp ?? "");
  }

  /** As the offering side: one transceiver a source, once. */
  async #offerTransceivers(): Promise<void> {
    for (const source of SOURCES) {
      if (this.#transceivers.has(source)) continue;
      const transceiver = this.#connection.addTransceiver(kindOf(source), {
        direction: "sendrecv",
        streams: [this.#streamOf(source)],
        sendEncodings: [this.#encoding(source)],
      });
      await this.#prepare(source, transceiver);
    }
  }

  /** As the answering side: send on the transceivers that the offer brought. */
  async #adoptTransceivers(): Promise<void> {
    for (const [offeredMid, source] of this.sources) {
      const mine = this.#transceivers.get(source);
      if (mine !== undefined && mine.mid !== null) continue;
      const offered = this.#connection
        .getTransceivers()
        .find(({ mid, currentDirection }) => mid === offeredMid && currentDirection !== "stopped");
      if (offered === undefined) continue;
      // An own offer was rolled back; its transceiver would be offered once more.
      mine?.stop();
      offered.direction = "sendrecv";
      // Missing in Firefox, which then only loses the grouping of sound and picture.
      offered.sender.setStreams?.(this.#streamOf(source));
      await this.#prepare(source, offered);
    }
  }

  async #prepare(source: Source, transceiver: RTCRtpTransceiver): Promise<void> {
    this.#transceivers.set(source, transceiver);
    preferCodec(transceiver, source);
    await transceiver.sender.replaceTrack(this.#tracks[source] ?? null);
  }

  #streamOf(source: Source): MediaStream {
    return source === "screen" || source === "screen_sound" ? this.#screenStream : this.#stream;
  }

  #encoding(source: Source): RTCRtpEncodingParameters {
    const { video, soundBps, screenSoundBps } = this.#limits;
    switch (source) {
      case "audio":
        return { maxBitrate: soundBps, priority: "high" };
      case "video":
        return { ...videoEncoding(video, pictureSize(this.#tracks.video), this.sendsScreen) };
      case "screen":
        return { maxBitrate: MAX_SCREEN_BPS };
      case "screen_sound":
        return { active: screenSoundBps > 0, maxBitrate: Math.max(screenSoundBps, LEAST_OPUS_BPS) };
    }
  }

  async #limit(): Promise<void> {
    for (const [source, { sender, direction, currentDirection }] of this.#transceivers) {
      // What was not negotiated yet, or was refused, has no encodings to limit.
      if (currentDirection === null || direction === "stopped") continue;
      const parameters = sender.getParameters();
      for (const encoding of parameters.encodings) Object.assign(encoding, this.#encoding(source));
      // A face in motion says more than a sharp one: what the browser does by itself, it does to the size. Text is read.
      if (source === "video") parameters.degradationPreference = "maintain-framerate";
      if (source === "screen") parameters.degradationPreference = "maintain-resolution";
      await sender.setParameters(parameters);
    }
  }

  #negotiate(operation: () => Promise<Input>): void {
    this.#enqueue(async () => {
      try {
        this.#tell(await operation());
      } catch (error) {
        console.debug("negotiation failed", error);
        await this.#rollBack();
        this.#tell({ type: "negotiation_failed", peer: this.#peer });
      }
    });
  }

  /** A failed exchange must not stand in the way of the next: after it the state is stable, as the call core takes it. */
  async #rollBack(): Promise<void> {
    switch (this.#connection.signalingState) {
      case "have-local-offer":
        return this.#connection.setLocalDescription({ type: "rollback" });
      case "have-remote-offer":
        return this.#connection.setRemoteDescription({ type: "rollback" });
      case "stable":
      case "have-local-pranswer":
      case "have-remote-pranswer":
      case "closed":
        return;
    }
  }

  #enqueue(operation: () => Promise<unknown>): void {
    this.#operations = this.#operations
      .then(() => (this.#closed ? undefined : operation()))
      .then(undefined, (error: unknown) => console.debug("peer operation failed", error));
  }

  #tell(input: Input): void {
    if (!this.#closed) this.#observer.input(input);
  }
}

/** The connection's state as the call core knows it; undefined while it is only being set up. */
function pathState(state: RTCPeerConnectionState): PathState | undefined {
  switch (state) {
    case "connected":
    case "disconnected":
    case "failed":
      return state;
    case "new":
    case "connecting":
    case "closed":
      return undefined;
  }
}

/** What the encoder gets, as far as that is known. */
function pictureSize(track: MediaStreamTrack | undefined): { width: number; height: number } | undefined {
  const { width, height } = track?.getSettings() ?? {};
  return width === undefined || height === undefined ? undefined : { width, height };
}

/** What is first in a description is what the other side sends, if it can. */
function preferCodec(transceiver: RTCRtpTransceiver, source: Source): void {
  const codecs = RTCRtpReceiver.getCapabilities(kindOf(source))?.codecs ?? [];
  transceiver.setCodecPreferences(preferred(source, codecs));
}

/** One candidate less is no failure: the path is found without it, or its failure is reported by itself. */
function ignoreCandidate(error: unknown): void {
  console.debug("candidate not added", error);
}
