import type { Launch } from "../CallEngine";

/** What the page's server offers; nothing, as far as it does not say so. */
export async function features(): Promise<Pick<Launch, "strangers" | "reports">> {
  try {
    const answer = await fetch("/features");
    const { strangers, reports } = (answer.ok ? await answer.json() : {}) as Record<string, unknown>;
    return { strangers: strangers === true, reports: reports === true };
  } catch {
    return { strangers: false, reports: false };
  }
}
