/**
 * Runs in a page before anything else: gives the page a camera whose pictures carry their number and the time they were
 * taken, in the cells that `crates/media/src/video/marker.rs` describes. The pictures enter the browser where a camera's
 * do, so that nothing is painted or captured from a canvas on the way. Sound stays the browser's own.
 */
export function installCamera() {
  const [width, height, rate] = [640, 360, 15];
  const [columns, cellWidth, cellHeight] = [32, width / 32, height / 18];
  const chroma = (width / 2) * (height / 2);

  const crc = (words) => {
    let value = 0xffff;
    for (const word of words) {
      for (let shift = 24; shift >= 0; shift -= 8) {
        value ^= ((word >>> shift) & 0xff) << 8;
        for (let bit = 0; bit < 8; bit += 1) value = value & 0x8000 ? ((value << 1) ^ 0x1021) & 0xffff : (value << 1) & 0xffff;
      }
    }
    return value;
  };

  // Eight bars over a ramp: what the native test picture shows too.
  const base = new Uint8Array(width * height + 2 * chroma).fill(128);
  const bars = [[180, 128, 128], [168, 44, 136], [145, 147, 44], [133, 63, 52], [63, 193, 204], [51, 109, 212], [28, 212, 120], [16, 128, 128]];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      base[y * width + x] = y < height * 0.75 ? bars[(x * 8 / width) | 0][0] : 16 + (x * 219) / width;
    }
  }
  for (let y = 0; y < height * 0.375; y += 1) {
    for (let x = 0; x < width / 2; x += 1) {
      const [, u, v] = bars[(x * 16 / width) | 0];
      base[width * height + y * (width / 2) + x] = u;
      base[width * height + chroma + y * (width / 2) + x] = v;
    }
  }

  const draw = (number) => {
    const data = base.slice();
    const swept = (number * 8) % (width - 4);
    for (let y = cellHeight * 3; y < height; y += 1) data.fill(235, y * width + swept, y * width + swept + 4);
    const [ballX, ballY] = [36 + ((number * 5) % (width - 72)), 170 + Math.round(90 * Math.sin(number / 8))];
    for (let y = -36; y <= 36; y += 1) {
      const half = Math.floor(Math.sqrt(36 * 36 - y * y));
      data.fill(210, (ballY + y) * width + ballX - half, (ballY + y) * width + ballX + half);
    }
    const time = Math.floor((performance.timeOrigin + performance.now()) * 10) % 2 ** 32;
    const check = crc([number, time]);
    for (const [row, word] of [number, time, ((check << 16) | (~check & 0xffff)) >>> 0].entries()) {
      for (let y = row * cellHeight; y < (row + 1) * cellHeight; y += 1) {
        for (let column = 0; column < columns; column += 1) {
          const start = y * width + column * cellWidth;
          data.fill((word >>> (31 - column)) & 1 ? 235 : 16, start, start + cellWidth);
        }
      }
    }
    data.fill(128, width * height, width * height + (width / 2) * ((cellHeight * 3) / 2));
    data.fill(128, width * height + chroma, width * height + chroma + (width / 2) * ((cellHeight * 3) / 2));
    return data;
  };

  const openCamera = () => {
    const track = new MediaStreamTrackGenerator({ kind: "video" });
    const writer = track.writable.getWriter();
    let number = 0;
    const timer = setInterval(() => {
      if (track.readyState === "ended") return clearInterval(timer);
      number += 1;
      const timestamp = Math.round(performance.now() * 1000);
      const frame = new VideoFrame(draw(number), { format: "I420", codedWidth: width, codedHeight: height, timestamp });
      writer.write(frame).catch(() => clearInterval(timer));
    }, 1000 / rate);
    return track;
  };

  const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const stream = audio ? await original({ audio }) : new MediaStream();
    if (video) stream.addTrack(openCamera());
    return stream;
  };

  /** How old the shown pictures are when they are presented, in milliseconds, over a while. */
  window.presentedAges = (durationMs) =>
    new Promise((resolve) => {
      const video = [...document.querySelectorAll("video")].find(({ srcObject }) =>
        srcObject?.getVideoTracks().some((track) => !(track instanceof MediaStreamTrackGenerator)),
      );
      const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      const ages = [];
      const end = performance.now() + durationMs;
      const bit = (pixels, row, column) => pixels[((row + 0.5) * cellHeight * width + (column + 0.5) * cellWidth) * 4] > 128;
      const onFrame = (now) => {
        context.drawImage(video, 0, 0, width, height);
        const { data } = context.getImageData(0, 0, width, cellHeight * 3);
        const words = [0, 1, 2].map((row) => {
          let word = 0;
          for (let column = 0; column < columns; column += 1) word = ((word << 1) | (bit(data, row, column) ? 1 : 0)) >>> 0;
          return word;
        });
        const check = crc(words.slice(0, 2));
        if (words[2] === ((check << 16) | (~check & 0xffff)) >>> 0) {
          ages.push((Math.floor((performance.timeOrigin + now) * 10) % 2 ** 32 - words[1]) / 10);
        }
        if (now < end) video.requestVideoFrameCallback(onFrame);
        else resolve(ages);
      };
      video.requestVideoFrameCallback(onFrame);
    });
}
