/**
 * Runs in a page whose newest connection is `window.newestConnection`: keeps what it receives, as decoded, until the
 * function that it leaves in `window.endReception` is called: a picture each `pictureIntervalMs`, and all sound.
 *
 * Both come from where a page may read tracks without playing or painting them, so that nothing is encoded anew.
 */
export function keepReception({ pictureIntervalMs }) {
  const received = window.newestConnection.getReceivers().map(({ track }) => track);
  const tracks = ["video", "audio"].map((kind) => received.find((track) => track.kind === kind).clone());
  const [videoReader, audioReader] = tracks.map((track) => new MediaStreamTrackProcessor({ track }).readable.getReader());
  const pictures = [];
  const sound = [];
  let soundHz = 0;

  const readVideo = async () => {
    let due = performance.now();
    for (let next = await videoReader.read(); !next.done; next = await videoReader.read()) {
      const frame = next.value;
      if (performance.now() >= due) {
        due = performance.now() + pictureIntervalMs;
        pictures.push(await brightness(frame));
      }
      frame.close();
    }
  };

  // The Y plane comes first in every planar format that a decoder gives.
  const brightness = async (frame) => {
    const data = new Uint8Array(frame.allocationSize());
    const [{ offset, stride }] = await frame.copyTo(data);
    const { width, height } = frame.visibleRect;
    const luma = new Uint8Array(width * height);
    for (let y = 0; y < height; y += 1) luma.set(data.subarray(offset + y * stride, offset + y * stride + width), y * width);
    return { width, height, luma };
  };

  const readAudio = async () => {
    for (let next = await audioReader.read(); !next.done; next = await audioReader.read()) {
      const samples = new Float32Array(next.value.numberOfFrames);
      next.value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      soundHz = next.value.sampleRate;
      sound.push(samples);
      next.value.close();
    }
  };

  const base64 = (bytes) => {
    const pieces = [];
    for (let at = 0; at < bytes.length; at += 0x8000) pieces.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)));
    return btoa(pieces.join(""));
  };

  const ended = Promise.all([readVideo(), readAudio()]);
  window.endReception = async () => {
    for (const track of tracks) track.stop();
    await Promise.all([videoReader.cancel(), audioReader.cancel()]);
    await ended;
    const samples = new Float32Array(await new Blob(sound).arrayBuffer());
    return {
      pictures: pictures.map(({ luma, ...size }) => ({ ...size, luma: base64(luma) })),
      sound: { rate: soundHz, samples: base64(new Uint8Array(samples.buffer)) },
    };
  };
}

/** What `window.endReception` gave, as bytes. @returns {import("./network-sides.mjs").Kept} */
export function decodeReception({ pictures, sound: { rate, samples } }) {
  const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
  return {
    pictures: pictures.map(({ luma, ...size }) => ({ ...size, luma: bytes(luma) })),
    sound: { rate, samples: new Float32Array(bytes(samples).buffer) },
  };
}
