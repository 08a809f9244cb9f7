/** A worker that ticks steadily: `{ intervalMs }` starts it, each tick is an empty message; lost ticks are not made up. */
self.onmessage = ({ data }: MessageEvent<{ intervalMs: number }>) => {
  const { intervalMs } = data;
  let due = performance.now() + intervalMs;
  const tick = (): void => {
    self.postMessage(null);
    const now = performance.now();
    due = Math.max(due + intervalMs, now);
    setTimeout(tick, due - now);
  };
  setTimeout(tick, intervalMs);
};
