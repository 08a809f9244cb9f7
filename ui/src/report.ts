/** What a report may hold. */

import type { ReportReason } from "./generated/ReportReason";

/** In the order in which they are offered. */
export const REASONS: readonly ReportReason[] = ["harassment", "nudity", "minor", "violence", "spam", "other"];

/** Characters of a report's words at most; counted as a browser counts them, which is never less than the server does. */
export const WORDS_LENGTH = 1000;

/** A report's words without what the server takes for no text: control characters but tab and line feed, halves of characters. */
export function reportWords(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .trim()
    .slice(0, WORDS_LENGTH)
    .replaceAll(/\p{Cs}|[^\P{Cc}\t\n]/gu, "");
}
