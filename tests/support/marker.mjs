/**
 * The readable marker of the test picture: three rows of 32 black and white cells in the top left corner, `width / 32`
 * by `height / 18` pixels each. Row 0 is the frame number, row 1 the time it was drawn, row 2 the CRC-16/CCITT-FALSE of
 * those eight big-endian bytes and its inverse; most significant bit first, white is one.
 *
 * Written anew here, so that a mistake of the programs under test does not cancel itself out.
 *
 * @typedef {{ frame: number, time: number }} Marker `time`: Unix time in 100 µs, modulo 2^32
 */

const COLUMNS = 32;
const MARKED_ROWS = 3;
const GRID_ROWS = 18;
const WHITE = 235;
const BLACK = 16;
const THRESHOLD = 128;

/**
 * The marker on a picture, or undefined if there is none, or it is damaged.
 *
 * @param {Uint8Array} luma the Y plane, rows without padding
 * @returns {Marker | undefined}
 */
export function readMarker(luma, width, height) {
  const cellWidth = Math.floor(width / COLUMNS);
  const cellHeight = Math.max(Math.floor(height / GRID_ROWS), 1);
  if (cellWidth < 1 || MARKED_ROWS * cellHeight > height) return undefined;
  const [frame, time, check] = Array.from({ length: MARKED_ROWS }, (_, row) => {
    let word = 0;
    for (let column = 0; column < COLUMNS; column++) {
      const white = centralMean(luma, width, column * cellWidth, row * cellHeight, cellWidth, cellHeight) > THRESHOLD;
      word = ((word << 1) | (white ? 1 : 0)) >>> 0;
    }
    return word;
  });
  return check === checkWord(frame, time) ? { frame, time } : undefined;
}

/**
 * Draws a marker.
 *
 * @param {Uint8Array} luma the Y plane, rows without padding
 * @param {Marker} marker
 */
export function writeMarker(luma, width, height, marker) {
  const cellWidth = Math.floor(width / COLUMNS);
  const cellHeight = Math.max(Math.floor(height / GRID_ROWS), 1);
  markerWords(marker).forEach((word, row) => {
    for (let column = 0; column < COLUMNS; column++) {
      const value = (word >>> (COLUMNS - 1 - column)) & 1 ? WHITE : BLACK;
      for (let y = row * cellHeight; y < (row + 1) * cellHeight; y++) {
        const start = y * width + column * cellWidth;
        luma.fill(value, start, start + cellWidth);
      }
    }
  });
}

/** The rows of a marker, 32 bits each. @param {Marker} marker */
export function markerWords({ frame, time }) {
  return [frame, time, checkWord(frame, time)];
}

/** Now, in the marker's units. */
export function markerNow() {
  return Math.floor((performance.timeOrigin + performance.now()) * 10) % 2 ** 32;
}

/** Milliseconds from one marker time to another, across the wrap-around. */
export function markerDifferenceMs(from, to) {
  return ((to - from) | 0) / 10;
}

/** Mean brightness of the middle half of a cell, away from the edges that compression blurs. */
function centralMean(luma, stride, x, y, width, height) {
  const [left, right] = middle(x, width);
  const [top, bottom] = middle(y, height);
  let sum = 0;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) sum += luma[row * stride + column];
  }
  return sum / ((right - left) * (bottom - top));
}

function middle(start, length) {
  const margin = Math.floor(length / 4);
  return [start + margin, start + length - margin];
}

function checkWord(frame, time) {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(frame);
  bytes.writeUInt32BE(time, 4);
  const crc = crc16(bytes);
  return ((crc << 16) | (~crc & 0xffff)) >>> 0;
}

/** CRC-16/CCITT-FALSE. */
function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
