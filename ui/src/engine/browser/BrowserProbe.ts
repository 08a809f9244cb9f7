import type { StreamId } from "../../generated/StreamId";
import type { EngineProbe } from "../CallEngine";
import { type LumaPlane, yPlane } from "./marker";
import type { RemoteSound } from "./RemoteSound";
import type { VideoStreams } from "./VideoStreams";

/** Takes decoded frames off a track; Chromium has it in windows, other browsers not yet. */
declare class MediaStreamTrackProcessor {
  constructor(init: { track: MediaStreamTrack; maxBufferSize?: number });
  readonly readable: ReadableStream<VideoFrame>;
}

/** Reads received media straight off the tracks, before anything is painted. */
export class BrowserProbe implements EngineProbe {
  readonly #videos: VideoStreams;
  readonly #sound: RemoteSound;

  constructor(videos: VideoStreams, sound: RemoteSound) {
    this.#videos = videos;
    this.#sound = sound;
  }

  watchFrames(stream: StreamId, onFrame: (picture: LumaPlane) => void): () => void {
    const track = this.#videos.track(stream)?.clone();
    if (track === undefined) return () => undefined;
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 4 }).readable.getReader();
    void (async () => {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        onFrame(await luma(next.value));
        next.value.close();
      }
    })();
    return () => {
      track.stop();
      void reader.cancel();
    };
  }

  remoteSound(): AnalyserNode {
    return this.#sound.analyser();
  }
}

/** Copies out the Y plane, which comes first in every planar format a decoder gives. */
async function luma(frame: VideoFrame): Promise<LumaPlane> {
  const data = new Uint8Array(frame.allocationSize());
  const [layout] = await frame.copyTo(data);
  const { width = 0, height = 0 } = frame.visibleRect ?? {};
  return yPlane(data.subarray(layout?.offset ?? 0), width, height, layout?.stride ?? width);
}
