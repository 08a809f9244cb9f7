import { START_TARGET, type VideoFormat } from "./VideoLadder";

/** Asks a camera for the nearest that it has. */
export function formatConstraints({ width, height, framesPerSecond }: VideoFormat): MediaTrackConstraints {
  return { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: framesPerSecond } };
}

/** What a camera can deliver at most, each side for itself; where it does not tell, what every call begins with. */
export function bestFormat(track: MediaStreamTrack): VideoFormat {
  // Missing in older browsers; a page's own pictures have none.
  const { width, height, frameRate } = track.getCapabilities?.() ?? {};
  return {
    width: width?.max ?? START_TARGET.width,
    height: height?.max ?? START_TARGET.height,
    framesPerSecond: frameRate?.max ?? START_TARGET.framesPerSecond,
  };
}

/** The least format that is enough for all of them, and no less than what a call begins with. */
export function formatFor(wanted: Iterable<VideoFormat>): VideoFormat {
  const { width, height, framesPerSecond } = START_TARGET;
  const least = { width, height, framesPerSecond };
  for (const format of wanted) {
    if (format.height > least.height) Object.assign(least, { width: format.width, height: format.height });
    least.framesPerSecond = Math.max(least.framesPerSecond, format.framesPerSecond);
  }
  return least;
}

export function isSameFormat(a: VideoFormat, b: VideoFormat): boolean {
  return a.width === b.width && a.height === b.height && a.framesPerSecond === b.framesPerSecond;
}
