/**
 * The readable marker of the test picture: three rows of 32 black and white cells in the top left corner.
 *
 * Row 0 is the frame number, row 1 the time it was drawn, row 2 the CRC-16/CCITT-FALSE over those eight big-endian
 * bytes and then that CRC's inverse; each row most significant bit first, white is one. The native engine draws the
 * same marker, so that any side can prove which frame of another it received, and when that one was drawn.
 */
export interface Marker {
  /** Number of the frame, modulo 2^32. */
  frame: number;
  /** When it was drawn: Unix time in units of 100 µs, modulo 2^32. */
  time: number;
}

/** A filled rectangle, in pixels. */
export interface Cell {
  x: number;
  y: number;
  width: number;
  height: number;
  white: boolean;
}

/** A picture as the reader sees it. */
export interface LumaPlane {
  width: number;
  height: number;
  /** Brightness of one pixel, 0 to 255. */
  at(x: number, y: number): number;
}

const COLUMNS = 32;
const ROWS = 3;
const MID_GREY = 128;

/** The cells to fill for a marker on a picture of this size. */
export function markerCells(marker: Marker, width: number, height: number): Cell[] {
  const cell = cellSize(width, height);
  return [marker.frame, marker.time, checkWord(marker)].flatMap((word, row) =>
    Array.from({ length: COLUMNS }, (_, column) => ({
      x: column * cell.width,
      y: row * cell.height,
      ...cell,
      white: ((word >>> (COLUMNS - 1 - column)) & 1) === 1,
    })),
  );
}

/** The marker on a picture, or undefined if there is none, or it is damaged. */
export function readMarker(picture: LumaPlane): Marker | undefined {
  const cell = cellSize(picture.width, picture.height);
  if (cell.width < 1 || cell.height * ROWS > picture.height) return undefined;
  const [frame = 0, time = 0, check = 0] = Array.from({ length: ROWS }, (_, row) => readRow(picture, row, cell));
  const marker = { frame, time };
  return check === checkWord(marker) ? marker : undefined;
}

/** A picture of RGBA bytes, such as `ImageData`. */
export function rgbaPlane(data: Uint8ClampedArray | Uint8Array, width: number, height: number): LumaPlane {
  return {
    width,
    height,
    at(x, y) {
      const i = (y * width + x) * 4;
      return 0.299 * (data[i] ?? 0) + 0.587 * (data[i + 1] ?? 0) + 0.114 * (data[i + 2] ?? 0);
    },
  };
}

/** The Y plane of a picture whose rows are `stride` bytes apart. */
export function yPlane(data: Uint8Array, width: number, height: number, stride: number): LumaPlane {
  return { width, height, at: (x, y) => data[y * stride + x] ?? 0 };
}

/** Now, in the marker's units. */
export function markerTime(unixMs: number): number {
  return Math.floor(unixMs * 10) % 2 ** 32;
}

/** Milliseconds from one marker time to another, across the wrap-around. */
export function markerTimeDifferenceMs(from: number, to: number): number {
  return ((to - from) | 0) / 10;
}

function cellSize(width: number, height: number): { width: number; height: number } {
  return { width: Math.floor(width / COLUMNS), height: Math.max(Math.floor(height / 18), 1) };
}

function readRow(picture: LumaPlane, row: number, cell: { width: number; height: number }): number {
  let word = 0;
  for (let column = 0; column < COLUMNS; column++) {
    const white = centralMean(picture, column * cell.width, row * cell.height, cell) > MID_GREY;
    word = ((word << 1) | (white ? 1 : 0)) >>> 0;
  }
  return word;
}

/** Mean brightness of the middle half of a cell, away from the edges that compression blurs. */
function centralMean(picture: LumaPlane, x: number, y: number, cell: { width: number; height: number }): number {
  const [left, right] = middle(x, cell.width);
  const [top, bottom] = middle(y, cell.height);
  let sum = 0;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) sum += picture.at(column, row);
  }
  return sum / ((right - left) * (bottom - top));
}

function middle(start: number, length: number): [number, number] {
  const margin = Math.floor(length / 4);
  return [start + margin, start + length - margin];
}

function checkWord(marker: Marker): number {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, marker.frame);
  view.setUint32(4, marker.time);
  const crc = crc16(bytes);
  return ((crc << 16) | (~crc & 0xffff)) >>> 0;
}

/** CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xffff, nothing reflected. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
