/** When the browser says that this host is on another network. */

/** What of the Network Information API is used; only some browsers have it, and some of them without the type. */
interface Connection extends EventTarget {
  readonly type?: string;
}

/**
 * Calls `changed` whenever there is a network again, or one of another kind. What the browser guesses of a network's
 * speed, which it tells by the same event, is no change.
 */
export function watchNetwork(changed: () => void): void {
  window.addEventListener("online", changed);
  const connection = (navigator as Navigator & { connection?: Connection }).connection;
  let type = connection?.type;
  connection?.addEventListener("change", () => {
    if (connection.type === type) return;
    type = connection.type;
    if (type !== "none") changed();
  });
}
