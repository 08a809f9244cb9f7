/**
 * The binary messages of the frame socket, little-endian.
 *
 * From the app, a frame: u8 version = 1, u8 format, u16 stream index, u32 width, u32 height, u32 sequence number,
 * u64 capture time in µs, then the planes. From the page, its acknowledgement: u16 stream index, u32 sequence number.
 */

const VERSION = 1;
const HEADER_BYTES = 24;
const ACKNOWLEDGEMENT_BYTES = 6;
/** Planar 4:2:0 without padding: Y, then U, then V. Format 2 is reserved for VP8. */
const I420 = 1;

export interface Frame {
  stream: number;
  width: number;
  height: number;
  sequence: number;
  captureTimeUs: number;
  /** Tight I420 planes. */
  planes: Uint8Array<ArrayBuffer>;
}

/** The frame in a message, or undefined if it is none of this version and format. */
export function parseFrame(message: ArrayBuffer): Frame | undefined {
  if (message.byteLength < HEADER_BYTES) return undefined;
  const header = new DataView(message);
  if (header.getUint8(0) !== VERSION || header.getUint8(1) !== I420) return undefined;
  const width = header.getUint32(4, true);
  const height = header.getUint32(8, true);
  if (width === 0 || height === 0 || message.byteLength !== HEADER_BYTES + i420Bytes(width, height)) return undefined;
  return {
    stream: header.getUint16(2, true),
    width,
    height,
    sequence: header.getUint32(12, true),
    captureTimeUs: Number(header.getBigUint64(16, true)),
    planes: new Uint8Array(message, HEADER_BYTES),
  };
}

/** The message that asks for the next frame of the stream. */
export function acknowledgement({ stream, sequence }: Frame): ArrayBuffer {
  const message = new ArrayBuffer(ACKNOWLEDGEMENT_BYTES);
  const view = new DataView(message);
  view.setUint16(0, stream, true);
  view.setUint32(2, sequence, true);
  return message;
}

/** Size of a picture in I420; its chroma planes are rounded up. */
export function i420Bytes(width: number, height: number): number {
  return width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2);
}

/** The picture as opaque RGBA, by BT.601 in limited range: for pages that cannot draw I420 themselves. */
export function i420ToRgba({ width, height, planes }: Pick<Frame, "width" | "height" | "planes">): Uint8ClampedArray<ArrayBuffer> {
  const chromaWidth = Math.ceil(width / 2);
  const u = width * height;
  const v = u + chromaWidth * Math.ceil(height / 2);
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, out = 0; y < height; y++) {
    for (let x = 0; x < width; x++, out += 4) {
      const chroma = (y >> 1) * chromaWidth + (x >> 1);
      const luma = 1.164 * ((planes[y * width + x] ?? 0) - 16);
      const blue = (planes[u + chroma] ?? 0) - 128;
      const red = (planes[v + chroma] ?? 0) - 128;
      rgba[out] = luma + 1.596 * red;
      rgba[out + 1] = luma - 0.392 * blue - 0.813 * red;
      rgba[out + 2] = luma + 2.017 * blue;
      rgba[out + 3] = 255;
    }
  }
  return rgba;
}
