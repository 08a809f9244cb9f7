/** A source that delivers: its track, and how to give the device back. */
export interface OpenSource {
  track: MediaStreamTrack;
  close(): void;
}

export interface LocalSourceObserver {
  /** Another track delivers from now on, or none. */
  track(track: MediaStreamTrack | undefined): void;
  /** What was wanted cannot be had, or is gone; nothing is wanted from now on. */
  failed(cause: unknown): void;
}

/**
 * One camera or microphone: opens and closes whatever is wanted last.
 *
 * Opening takes as long as the user takes to answer a question, so a wish may change meanwhile; at most one device is
 * open or being opened at any time.
 */
export class LocalSource {
  readonly #open: (choice: string) => Promise<OpenSource>;
  readonly #observer: LocalSourceObserver;
  #wanted: string | undefined;
  #current: (OpenSource & { choice: string }) | undefined;
  /** Whether what is open, or being opened, is to be opened anew. */
  #stale = false;
  #working = false;

  constructor(open: (choice: string) => Promise<OpenSource>, observer: LocalSourceObserver) {
    this.#open = open;
    this.#observer = observer;
  }

  /** Sets what is wanted: a choice, or undefined for nothing. */
  want(choice: string | undefined): void {
    this.#wanted = choice;
    if (!this.#working) void this.#work();
  }

  /** Opens what is wanted anew, if anything: how it is opened has changed. */
  reopen(): void {
    this.#stale = this.#wanted !== undefined;
    if (!this.#working) void this.#work();
  }

  get track(): MediaStreamTrack | undefined {
    return this.#current?.track;
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#stale || this.#wanted !== this.#current?.choice) {
      this.#stale = false;
      this.#close();
      const choice = this.#wanted;
      if (choice === undefined) continue;
      try {
        this.#take(choice, await this.#open(choice));
      } catch (error) {
        this.#fail(choice, error);
      }
    }
    this.#working = false;
  }

  #take(choice: string, source: OpenSource): void {
    if (this.#wanted !== choice) {
      source.close();
      return;
    }
    this.#current = { ...source, choice };
    source.track.onended = () => {
      if (this.#current?.track !== source.track) return;
      this.#close();
      this.#fail(choice, new DOMException("the device is gone", "DeviceLostError"));
    };
    this.#observer.track(source.track);
  }

  #fail(choice: string, cause: unknown): void {
    if (this.#wanted !== choice) return;
    this.#wanted = undefined;
    this.#observer.failed(cause);
  }

  #close(): void {
    if (this.#current === undefined) return;
    const source = this.#current;
    this.#current = undefined;
    source.track.onended = null;
    source.close();
    this.#observer.track(undefined);
  }
}
