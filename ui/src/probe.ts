/**
 * A window into the running call for tests and measurements: `window.visavis`, on pages opened with `?probe=1`.
 *
 * It only reads. Streams are named as in the wire types: `{ type: "own" }` or `{ type: "participant", participant }`.
 */

import { type CallEngine, streamKey } from "./engine/CallEngine";
import { type Marker, markerTime, markerTimeDifferenceMs, readMarker } from "./engine/browser/marker";
import { loudness } from "./engine/browser/soundContext";
import type { CallStats } from "./generated/CallStats";
import type { StreamId } from "./generated/StreamId";

/** A frame as it arrived. */
export interface SeenFrame extends Marker {
  width: number;
  height: number;
  /** From drawn to read, by two clocks unless both sides run on one machine. */
  delayMs: number;
}

/** What arrived of a stream over a while. */
export interface SeenFrames {
  /** Length of the while. */
  durationMs: number;
  /** Frames that arrived, readable or not. */
  count: number;
  /** Those with a readable marker, in order. */
  frames: SeenFrame[];
}

export interface Tone {
  /** The strongest frequency. */
  frequencyHz: number;
  /** Root mean square, 0 to 1. */
  level: number;
}

export interface Probe {
  engine: CallEngine;
  /** The latest sample; undefined before the first. */
  stats(): CallStats | undefined;
  /** Keys of the streams that run. */
  streams(): StreamId[];
  /** Reads a running stream for a while. */
  watch(stream: StreamId, durationMs: number): Promise<SeenFrames>;
  /** The next readable marker of a running stream. */
  marker(stream: StreamId): Promise<SeenFrame>;
  /** What is heard of the others; undefined where it is not this page that plays it. */
  tone(): Tone | undefined;
}

declare global {
  interface Window {
    visavis?: Probe;
  }
}

export function expose(engine: CallEngine): void {
  let stats: CallStats | undefined;
  const streams = new Map<string, StreamId>();
  engine.subscribe((event) => {
    if (event.type === "stats") stats = event.stats;
    if (event.type === "video_started") streams.set(streamKey(event.stream), event.stream);
    if (event.type === "video_ended") streams.delete(streamKey(event.stream));
  });
  window.visavis = {
    engine,
    stats: () => stats,
    streams: () => [...streams.values()],
    watch: (stream, durationMs) => watch(engine, stream, durationMs),
    marker: (stream) => nextMarker(engine, stream),
    tone: () => tone(engine.probe.remoteSound()),
  };
}

function watchMarkers(
  engine: CallEngine,
  stream: StreamId,
  onFrame: (frame: SeenFrame | undefined) => void,
): () => void {
  return engine.probe.watchFrames(stream, (picture) => {
    const now = markerTime(performance.timeOrigin + performance.now());
    const marker = readMarker(picture);
    const { width, height } = picture;
    onFrame(marker && { ...marker, width, height, delayMs: markerTimeDifferenceMs(marker.time, now) });
  });
}

function watch(engine: CallEngine, stream: StreamId, durationMs: number): Promise<SeenFrames> {
  return new Promise((resolve) => {
    const seen: SeenFrames = { durationMs, count: 0, frames: [] };
    const stop = watchMarkers(engine, stream, (frame) => {
      seen.count += 1;
      if (frame !== undefined) seen.frames.push(frame);
    });
    setTimeout(() => {
      stop();
      resolve(seen);
    }, durationMs);
  });
}

function nextMarker(engine: CallEngine, stream: StreamId): Promise<SeenFrame> {
  return new Promise((resolve) => {
    const stop = watchMarkers(engine, stream, (frame) => {
      if (frame === undefined) return;
      stop();
      resolve(frame);
    });
  });
}

function tone(analyser: AnalyserNode | undefined): Tone | undefined {
  if (analyser === undefined) return undefined;
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(spectrum);
  const strongest = spectrum.reduce((best, db, bin) => (db > (spectrum[best] ?? -Infinity) ? bin : best), 0);
  return {
    frequencyHz: (strongest * analyser.context.sampleRate) / analyser.fftSize,
    level: loudness(analyser),
  };
}
