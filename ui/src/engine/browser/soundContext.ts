let context: AudioContext | undefined;

/**
 * The page's one audio graph: level meter, tone and probe hang on it.
 *
 * A browser may keep it suspended until the user acts; it is woken by the first key or click.
 */
export function soundContext(): AudioContext {
  if (context === undefined) {
    const made = new AudioContext({ sampleRate: 48_000 });
    const wake = (): void => void made.resume();
    if (made.state === "suspended") {
      for (const type of ["pointerdown", "keydown"]) window.addEventListener(type, wake, { once: true });
      wake();
    }
    context = made;
  }
  return context;
}

/** An analyser that gives {@link level} of what comes between two readings, ten a second. */
export function levelAnalyser(): AnalyserNode {
  return new AnalyserNode(soundContext(), { fftSize: 4096 });
}

/** How loud what an analyser heard last is, 0 to 1: a full-scale sine reads 1, as in the native engine. */
export function level(analyser: AnalyserNode): number {
  return Math.min(Math.SQRT2 * loudness(analyser), 1);
}

/** Root mean square of what an analyser heard last, 0 to 1. */
export function loudness(analyser: AnalyserNode): number {
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}
