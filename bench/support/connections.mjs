/**
 * Runs in a page before anything else: leaves how video and sound are sent to the browser alone, video as the camera gives
 * it and at no more than `maxVideoBps`, sound as the microphone gives it and without copies of packets, and takes down
 * once a second what the browser says of `window.newestConnection`, in `window.connectionSamples`.
 *
 * @typedef {object} ConnectionSample counters since the connection began, fields of webrtc-stats
 * @property {number} frames decoded
 * @property {number} freezes
 * @property {number} frozenS
 * @property {number} packets received, of video
 * @property {number} lost
 * @property {number} bytes received, of both
 * @property {number} concealed samples of sound
 * @property {number} samples of sound
 * @property {number} jitterBufferS video frames times seconds in the jitter buffer
 * @property {number} emitted frames
 * @property {number} estimateBps
 * @property {number} targetBps of video
 * @property {number} height of the video that is sent
 * @property {number} rttMs
 */
export function observeConnections({ maxVideoBps, camera }) {
  const limit = (encodings = []) => {
    for (const encoding of encodings) {
      const isVideo = encoding.maxFramerate !== undefined;
      for (const ours of ["maxBitrate", "maxFramerate", "scaleResolutionDownBy"]) delete encoding[ours];
      if (isVideo) encoding.maxBitrate = maxVideoBps;
    }
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...words) {
      super(...words);
      window.newestConnection = this;
    }

    addTransceiver(track, init) {
      limit(init?.sendEncodings);
      return super.addTransceiver(track, init);
    }
  };
  const original = RTCRtpSender.prototype.setParameters;
  RTCRtpSender.prototype.setParameters = function (parameters, ...words) {
    limit(parameters.encodings);
    return original.call(this, parameters, ...words);
  };

  const prefer = RTCRtpTransceiver.prototype.setCodecPreferences;
  RTCRtpTransceiver.prototype.setCodecPreferences = function (codecs) {
    if (codecs.some(({ mimeType }) => mimeType.startsWith("video/"))) prefer.call(this, codecs);
  };

  const asItIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const whole = { width: camera.width, height: camera.height, frameRate: camera.framesPerSecond };
  navigator.mediaDevices.getUserMedia = ({ audio, video }) =>
    open({ ...(audio && { audio: { ...audio, ...asItIs } }), ...(video && { video: { ...video, ...whole } }) });
  MediaStreamTrack.prototype.applyConstraints = async () => undefined;

  window.connectionSamples = [];
  setInterval(async () => {
    const newest = window.newestConnection;
    if (newest?.connectionState !== "connected") return;
    const report = [...(await newest.getStats()).values()];
    // Of two streams of pictures the one that flows: the other is the screen's.
    const flow = ({ bytesReceived, bytesSent }) => bytesReceived ?? bytesSent ?? 0;
    const find = (type, kind) =>
      report
        .filter((it) => it.type === type && (kind === undefined || it.kind === kind))
        .sort((a, b) => flow(b) - flow(a))[0] ?? {};
    const [video, audio] = [find("inbound-rtp", "video"), find("inbound-rtp", "audio")];
    const sent = find("outbound-rtp", "video");
    const { selectedCandidatePairId } = find("transport");
    const pair = report.find(({ id }) => id === selectedCandidatePairId) ?? {};
    window.connectionSamples.push({
      frames: video.framesDecoded ?? 0,
      freezes: video.freezeCount ?? 0,
      frozenS: video.totalFreezesDuration ?? 0,
      packets: video.packetsReceived ?? 0,
      lost: video.packetsLost ?? 0,
      bytes: (video.bytesReceived ?? 0) + (audio.bytesReceived ?? 0),
      concealed: audio.concealedSamples ?? 0,
      samples: audio.totalSamplesReceived ?? 0,
      jitterBufferS: video.jitterBufferDelay ?? 0,
      emitted: video.jitterBufferEmittedCount ?? 0,
      estimateBps: pair.availableOutgoingBitrate ?? 0,
      targetBps: sent.targetBitrate ?? 0,
      height: sent.frameHeight ?? 0,
      rttMs: (pair.currentRoundTripTime ?? 0) * 1000,
    });
  }, 1000);
}
