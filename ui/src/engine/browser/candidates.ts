/** The first ICE user name fragment of a description (RFC 8839 section 5.4); with bundling it is the only one. */
export function iceUfrag(sdp: string): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1];
}
