const COLOURS = 5;

/** What stands for somebody without a picture: up to two initials, and a colour from 1 to 5 that stays theirs. */
export function avatar(name: string): { initials: string; colour: number } {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  const initials = chosen.map((word) => [...(word ?? "")][0]?.toLocaleUpperCase() ?? "").join("");
  return { initials, colour: ((hash(name.trim()) >>> 16) % COLOURS) + 1 };
}

/** FNV-1a over the characters, 32 bit. */
function hash(text: string): number {
  return [...text].reduce((sum, letter) => Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 0x01000193), 0x811c9dc5);
}
