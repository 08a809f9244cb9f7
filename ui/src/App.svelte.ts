import type { AccessToken } from "./generated/AccessToken";
import type { CallEngine, Launch } from "./engine/CallEngine";
import type { DeviceChoice } from "./generated/DeviceChoice";
import type { DeviceKind } from "./generated/DeviceKind";
import type { MediaState } from "./generated/MediaState";
import type { ParticipantId } from "./generated/ParticipantId";
import type { Report } from "./generated/Report";
import type { ScreenChoice } from "./generated/ScreenChoice";
import type { VoiceSettings } from "./generated/VoiceSettings";
import { INITIAL, type Model, reduce, withOther, without } from "./model";
import { type Options, parseOptions } from "./options";
import { loadPreferences, type Preferences, savePreferences, withGuest } from "./preferences";
import { strings } from "./strings";
import { type Goal, goalPath, parseGoal, parseUrl, personalLink, routePath } from "./routes";

export type Screen =
  | { type: "home" }
  | { type: "green_room"; goal: Goal }
  | { type: "call"; goal: Goal }
  | { type: "ended"; goal: Goal };

/** How long one who has left can be reported and blocked; see the protocol. */
const DEPARTED_MS = 120_000;

/**
 * The one owner of what the screens show: the screen, the model of the call and the preferences.
 *
 * Screens read its state and call its methods; nothing else changes either.
 */
export class App {
  readonly engine: CallEngine;
  /** Whether the user chooses the server. */
  readonly choosesServer: boolean;
  readonly options: Options;
  /** Whether the server is known, or may turn out, to bring strangers together. */
  readonly offersStrangers: boolean;
  /** Whether the server is known, or may turn out, to keep reports and blocks. */
  readonly keepsReports: boolean;
  screen: Screen = $state.raw({ type: "home" });
  model: Model = $state.raw(INITIAL);
  preferences: Preferences = $state.raw(loadPreferences(localStorage));
  /** The devices of this visit: the preferences, unless a link says otherwise. */
  devices: DeviceChoice = $state.raw({ camera: "default", microphone: "default", speaker: "default" });
  readonly #fixedServer: string | undefined;
  /** Whether the user has ended the call, so that nobody has to be told. */
  #endsForAll = false;

  private constructor(engine: CallEngine, launch: Launch) {
    const link = parseUrl(launch.link ?? "");
    this.engine = engine;
    this.#fixedServer = launch.server;
    this.choosesServer = launch.server === undefined;
    this.options = parseOptions(link?.searchParams ?? new URLSearchParams(location.search));
    const { camera, microphone, speaker } = this.preferences;
    this.devices = { camera, microphone, speaker, ...this.options.devices };
    engine.subscribe((event) => this.#onEvent(event));
    engine.selectCamera(this.devices.camera);
    engine.selectMicrophone(this.devices.microphone);
    engine.selectSpeaker(this.devices.speaker);
    engine.setVoiceProcessing(this.voice);
    engine.setOutputVolume(this.preferences.outputVolume);
    engine.setMicrophone(INITIAL.own.microphone);
    engine.setCamera(INITIAL.own.camera);
    this.offersStrangers = launch.strangers;
    this.keepsReports = launch.reports;
    const goal = this.#takeGoal(launch.link ?? "");
    if (goal !== undefined) this.#begin(goal, this.options.join || launch.enter);
    if (!this.choosesServer) window.addEventListener("popstate", () => this.#onPopState());
  }

  static async start(engine: CallEngine): Promise<App> {
    return new App(engine, await engine.launch());
  }

  /** Origin of the server that new calls meet on. */
  get server(): string {
    return this.#fixedServer ?? this.preferences.server;
  }

  get name(): string {
    return this.options.name ?? this.preferences.name;
  }

  goHome(): void {
    this.#go({ type: "home" });
  }

  openGreenRoom(goal: Goal): void {
    // In a tab each server is a site of its own.
    if (goal.type === "room" && this.#fixedServer !== undefined && goal.invite.server !== this.#fixedServer) {
      location.href = personalLink(goal.invite);
    } else this.#go({ type: "green_room", goal });
  }

  join(goal: Goal, name: string): void {
    this.#savePreferences(this.options.name === name ? {} : { name });
    this.screen = { type: "call", goal };
    switch (goal.type) {
      case "room": {
        const { server, room } = goal.invite;
        return this.engine.join({ server, room, name, ...this.#identity(server, goal.invite.token) });
      }
      case "stranger":
        return this.engine.seek({ server: goal.server, name, ...this.#identity(goal.server) });
    }
  }

  leave(): void {
    this.engine.leave();
  }

  /** Ends the call for everybody, as its host. */
  endForAll(): void {
    this.#endsForAll = true;
    this.engine.host({ action: "end" });
  }

  /** Lets the stranger know the user's addresses, once they would do so too. */
  connectDirectly(): void {
    this.engine.consent();
  }

  ignoreWish(): void {
    this.model = { ...this.model, ignoresWish: true };
  }

  report(report: Report): void {
    this.model = { ...this.model, asked: { what: "report", answer: "none" } };
    this.engine.report(report);
  }

  /** Never meets this person again by chance, and leaves, if that is who is here. */
  block(participant: ParticipantId): void {
    this.model = { ...this.model, asked: { what: "block", answer: "none" } };
    this.engine.block(participant);
    if (this.screen.type !== "call" || !this.model.others.some(({ id }) => id === participant)) return;
    switch (this.screen.goal.type) {
      case "stranger":
        return this.engine.next();
      case "room":
        return this.leave();
    }
  }

  dismissAsked(): void {
    this.model = { ...this.model, asked: undefined };
  }

  nameOf(participant: ParticipantId): string {
    return this.model.others.find(({ id }) => id === participant)?.name ?? strings.host.muted;
  }

  dismissMute(): void {
    this.model = { ...this.model, mutedBy: undefined };
  }

  setServer(server: string): void {
    this.#savePreferences({ server });
  }

  dismissStandIn(kind: DeviceKind): void {
    this.model = { ...this.model, standIns: without(this.model.standIns, kind) };
  }

  selectDevice(kind: DeviceKind, choice: string): void {
    this.devices = { ...this.devices, [kind]: choice };
    this.#savePreferences({ [kind]: choice });
    const failed = this.model.deviceErrors[kind] !== undefined;
    switch (kind) {
      case "camera":
        this.engine.selectCamera(choice);
        if (failed) this.setCamera(true);
        return;
      case "microphone":
        this.engine.selectMicrophone(choice);
        if (failed) this.setMicrophone(true);
        return;
      case "speaker":
        this.#change("speaker", {});
        return this.engine.selectSpeaker(choice);
    }
  }

  /** What the user sends, as far as it is there. */
  get own(): MediaState {
    const { microphone, camera } = this.model.own;
    return {
      microphone: microphone && this.devices.microphone !== "none",
      camera: camera && this.devices.camera !== "none",
    };
  }

  setMicrophone(on: boolean): void {
    this.#change("microphone", { microphone: on });
    if (on) this.dismissMute();
    if (on && this.devices.microphone === "none") this.selectDevice("microphone", "default");
    this.engine.setMicrophone(on);
  }

  listScreens(): void {
    this.model = { ...this.model, screens: undefined, screenError: undefined };
    this.engine.listScreens();
  }

  shareScreen(screen: ScreenChoice | undefined, sound: boolean): void {
    this.model = { ...this.model, screenError: undefined, sharedSound: undefined };
    this.engine.shareScreen(screen, sound);
  }

  stopScreen(): void {
    this.engine.stopScreen();
  }

  dismissScreenError(): void {
    this.model = { ...this.model, screenError: undefined };
  }

  setCamera(on: boolean): void {
    this.#change("camera", { camera: on });
    if (on && this.devices.camera === "none") this.selectDevice("camera", "default");
    this.engine.setCamera(on);
  }

  /** What is done to the own voice. */
  get voice(): VoiceSettings {
    return this.preferences.voice ?? this.engine.usualVoice;
  }

  setVoice(change: Partial<VoiceSettings>): void {
    const voice = { ...this.voice, ...change };
    // Both work on what is free of rumble.
    voice.high_pass = voice.echo_cancellation || voice.automatic_gain;
    this.#savePreferences({ voice });
    this.engine.setVoiceProcessing(voice);
  }

  setOutputVolume(volume: number): void {
    this.#savePreferences({ outputVolume: volume });
    this.engine.setOutputVolume(volume);
  }

  setParticipantVolume(participant: ParticipantId, volume: number): void {
    this.model = withOther(this.model, participant, { volume });
    this.engine.setParticipantVolume(participant, volume);
  }

  dismissError(): void {
    this.model = { ...this.model, callError: undefined };
  }

  /** Who the user is to a server: whom an invitation names, or the guest that was here before. */
  #identity(server: string, invitation?: AccessToken): { token?: AccessToken } {
    const token = invitation ?? this.preferences.guests[server];
    return token === undefined ? {} : { token };
  }

  #begin(goal: Goal, enter: boolean): void {
    this.screen = { type: "green_room", goal };
    if (enter && this.name !== "") this.join(goal, this.name);
  }

  #onEvent(event: Parameters<typeof reduce>[1]): void {
    this.model = reduce(this.model, event);
    if (event.type === "guest") {
      this.#savePreferences({ guests: withGuest(this.preferences.guests, event.server, event.token) });
    }
    if (event.type === "call" && event.event.type === "participant_left") this.#forgetLater(event.event.participant);
    const ended = event.type === "call" && event.event.type === "state" && event.event.state.type === "ended";
    if (!ended) return;
    if (this.#endsForAll) this.dismissError();
    this.#endsForAll = false;
    if (this.screen.type === "call") this.screen = { type: "ended", goal: this.screen.goal };
  }

  /** The server knows for so long who was here. */
  #forgetLater(participant: ParticipantId): void {
    setTimeout(() => {
      this.model = { ...this.model, departed: this.model.departed.filter(({ id }) => id !== participant) };
    }, DEPARTED_MS);
  }

  #onPopState(): void {
    this.leave();
    const goal = this.#takeGoal(location.href);
    this.screen = goal === undefined ? { type: "home" } : { type: "green_room", goal };
  }

  /** Whom a link is for. Its token is from then on in the invite alone: no bookmark and nobody who looks at the tab gets it. */
  #takeGoal(link: string): Goal | undefined {
    const goal = parseGoal(link);
    if (!this.choosesServer && goal?.type === "room" && goal.invite.token !== undefined) {
      history.replaceState(history.state, "", location.pathname + location.search);
    }
    return goal;
  }

  /** Shows a screen, in the tab with its path in the address bar. */
  #go(screen: Extract<Screen, { type: "home" | "green_room" }>): void {
    this.screen = screen;
    if (this.choosesServer) return;
    const path = screen.type === "home" ? routePath(screen) : goalPath(screen.goal);
    if (path !== location.pathname) history.pushState(null, "", path + location.search);
  }

  /** The user has acted on a device: what was wrong with it before is history. */
  #change(kind: DeviceKind, own: Partial<MediaState>): void {
    const { [kind]: _, ...deviceErrors } = this.model.deviceErrors;
    const standIns = without(this.model.standIns, kind);
    this.model = { ...this.model, own: { ...this.model.own, ...own }, deviceErrors, standIns };
  }

  #savePreferences(change: Partial<Preferences>): void {
    this.preferences = { ...this.preferences, ...change };
    savePreferences(localStorage, this.preferences);
  }
}
