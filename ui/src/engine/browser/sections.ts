/** What is sent on a media section: the microphone, the camera, the screen or its sound. */
export type Source = "audio" | "video" | "screen" | "screen_sound";

/** In the order of the media sections. */
export const SOURCES: readonly Source[] = ["audio", "video", "screen", "screen_sound"];

/** The kind of a source's media section and track. */
export function kindOf(source: Source): "audio" | "video" {
  return source === "audio" || source === "screen_sound" ? "audio" : "video";
}

/**
 * The sources of a session description's media sections, by their mids: told by the place among the sections of a kind
 * (docs/protocol.md). Sections beyond those have no source.
 */
export function sourcesByMid(sdp: string): Map<string, Source> {
  const left = [...SOURCES];
  const sources = new Map<string, Source>();
  for (const section of sdp.split(/\r?\n(?=m=)/).slice(1)) {
    const kind = /^m=(\w+)/.exec(section)?.[1];
    const mid = /^a=mid:(\S+)/m.exec(section)?.[1];
    const index = left.findIndex((source) => kindOf(source) === kind);
    if (mid === undefined || index < 0) continue;
    for (const source of left.splice(index, 1)) sources.set(mid, source);
  }
  return sources;
}
