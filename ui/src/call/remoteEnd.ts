/**
 * Which connection the far side has, as far as its descriptions tell: another certificate is another DTLS association (RFC 8842
 * section 4), which an end of the old one can do nothing with.
 */
export class RemoteEnd {
  #fingerprints: string[] = [];

  /** Takes note of a description. Whether it is of another connection than the one before it. */
  handleDescription(sdp: string): boolean {
    const told = fingerprints(sdp);
    const isOther =
      told.length > 0 && this.#fingerprints.length > 0 && !told.some((one) => this.#fingerprints.includes(one));
    if (told.length > 0) this.#fingerprints = told;
    return isOther;
  }
}

/** All `a=fingerprint` values of a description (RFC 8122 section 5). */
function fingerprints(sdp: string): string[] {
  return [...sdp.matchAll(/^a=fingerprint:(.*)$/gm)].map(([, value = ""]) => value.trimEnd());
}
