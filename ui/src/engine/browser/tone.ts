import type { OpenSource } from "./LocalSource";
import { soundContext } from "./soundContext";

/** Frequency of the synthetic microphone; the native engine's tone has the same. */
const TONE_HZ = 440;
const AMPLITUDE = 0.2;

/** The synthetic microphone: a steady tone. */
export async function openTone(frequency = TONE_HZ): Promise<OpenSource> {
  const context = soundContext();
  const oscillator = new OscillatorNode(context, { frequency });
  const gain = new GainNode(context, { gain: AMPLITUDE });
  const output = context.createMediaStreamDestination();
  oscillator.connect(gain).connect(output);
  oscillator.start();
  const track = output.stream.getAudioTracks()[0];
  if (track === undefined) throw new Error("the audio graph gave no track");
  return {
    track,
    close() {
      oscillator.stop();
      gain.disconnect();
      track.stop();
    },
  };
}
