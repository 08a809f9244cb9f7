import type { PeerStats } from "../generated/PeerStats";
import { strings } from "../strings";

/** The figures of one connection that a person may want to tell somebody who helps. */
export function statsRows(peer: PeerStats | undefined): { label: string; value: string }[] {
  if (peer === undefined) return [];
  const words = strings.stats;
  const { sent_video, sent_screen, sent_audio, received_video, received_screen, received_audio } = peer;
  const sentTracks = [sent_video, sent_screen, sent_audio, peer.sent_screen_sound];
  const receivedTracks = [received_video, received_screen, received_audio, peer.received_screen_sound];
  const total = (tracks: { bitrate_bps: number }[]): number => tracks.reduce((sum, track) => sum + track.bitrate_bps, 0);
  const picture = (video: { width: number; height: number; frames_per_second: number }): string =>
    video.width > 0 ? words.picture(video.width, video.height, video.frames_per_second) : words.unknown;
  return [
    { label: words.path, value: path(peer) },
    { label: words.roundTrip, value: peer.rtt_ms === null ? words.unknown : words.milliseconds(peer.rtt_ms) },
    { label: words.received, value: picture(received_video) },
    { label: words.sent, value: picture(sent_video) },
    ...(received_screen.bitrate_bps > 0 ? [{ label: words.receivedScreen, value: picture(received_screen) }] : []),
    ...(sent_screen.bitrate_bps > 0 ? [{ label: words.sentScreen, value: picture(sent_screen) }] : []),
    { label: words.receivedRate, value: words.bitrate(total(receivedTracks)) },
    { label: words.sentRate, value: words.bitrate(total(sentTracks)) },
    { label: words.loss, value: words.percent(Math.max(sent_video.loss, sent_audio.loss)) },
    { label: words.concealed, value: words.percent(received_audio.concealed) },
  ];
}

function path({ candidate_pair: pair }: PeerStats): string {
  if (pair === null) return strings.stats.unknown;
  return pair.local === "relay" || pair.remote === "relay" ? strings.stats.relayed : strings.stats.direct;
}
