/** The microphone or the camera, as `getUserMedia` names them. */
export type UserMediaKind = "audio" | "video";

interface Request {
  kind: UserMediaKind;
  constraints: MediaTrackConstraints;
  resolve(track: MediaStreamTrack): void;
  reject(error: unknown): void;
}

let waiting: Request[] = [];

/**
 * Opens a microphone or a camera; throws the browser's own `DOMException`.
 *
 * Requests made at the same moment become one, so that the user is asked once for both; if that fails, each is tried
 * for itself, so that a missing camera does not cost the microphone.
 */
export function openUserMedia(kind: UserMediaKind, constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  return new Promise((resolve, reject) => {
    waiting.push({ kind, constraints, resolve, reject });
    if (waiting.length === 1) queueMicrotask(() => void openWaiting());
  });
}

async function openWaiting(): Promise<void> {
  const requests = waiting;
  waiting = [];
  const kinds = new Set(requests.map(({ kind }) => kind));
  const together = requests.length === kinds.size && kinds.size > 1;
  if (!together || !(await open(requests).catch(() => false))) {
    for (const request of requests) await open([request]).catch(request.reject);
  }
}

/** Asks for all of them at once; true when every request has its track. */
async function open(requests: Request[]): Promise<boolean> {
  const constraints = Object.fromEntries(requests.map(({ kind, constraints }) => [kind, constraints]));
  const tracks = (await navigator.mediaDevices.getUserMedia(constraints)).getTracks();
  for (const request of requests) {
    const track = tracks.find(({ kind }) => kind === request.kind);
    if (track === undefined) throw new DOMException("the browser gave no track", "NotFoundError");
    request.resolve(track);
  }
  return true;
}
