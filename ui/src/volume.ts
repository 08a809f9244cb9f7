/** Volumes: 0 is silent, 1 as it came, 2 the most. The same rules as `volume.rs` and `mixer.rs` of the native engine. */

export const MOST = 2;
/** Where the limiter begins to bend; quieter sound passes untouched. */
const KNEE = 0.8;

/** What every sample is multiplied with: twice the volume is 12 dB more, which is heard as about twice as loud. */
export function gain(volume: number): number {
  const within = Math.min(Math.max(volume, 0), MOST);
  return within * within;
}

/** Bends what is above the knee smoothly towards full scale. */
export function limited(sample: number): number {
  const magnitude = Math.abs(sample);
  if (magnitude <= KNEE) return sample;
  const room = 1 - KNEE;
  return Math.sign(sample) * (KNEE + room * Math.tanh((magnitude - KNEE) / room));
}
