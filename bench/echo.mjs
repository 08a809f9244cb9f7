/**
 * What voice processing leaves of an echo, and of who speaks meanwhile, in a room that is made up, in virtual time: the echo's
 * loss while only the far side speaks, and wideband PESQ of the near voice while both do, before and after.
 *
 * `cargo xtask bench echo [--json OUT]`, a minute; needs `espeak-ng`.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { table } from "../tests/support/artefacts.mjs";
import { output } from "./support/python.mjs";
import { publish, row } from "./support/report.mjs";
import { scoreFile } from "./support/speech.mjs";

const ROOM =
  process.env.VISAVIS_ROOM_BIN ?? fileURLToPath(new URL("../target/release/examples/voice_room", import.meta.url));
const FAR =
  "Face to face, across the sea, two people meet on a small screen. The quick brown fox jumps over the lazy dog, and " +
  "nobody misses a single word of what the other one says. Can you hear me well? Then tell me what the weather is like on " +
  "your side, and whether the boats have come back.";
const NEAR =
  "Yes, I can. It has rained since Tuesday. Seven boats are in the harbour, and the eighth is on its way. They brought cod, " +
  "and a letter from your brother, who is well and sends his love to all of you.";
const ENOUGH_DB = 30;

const folder = mkdtempSync(join(tmpdir(), "visavis-echo-"));
try {
  const [far, near] = [speak("far", "en-gb", FAR), speak("near", "en-gb+f3", NEAR)];
  const takes = output(ROOM, [far, near, folder])
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map(({ clean, before, after, alone, ...take }) => {
      const [unprocessed, processed, undisturbed] = [before, after, alone].map((heard) => scoreFile(clean, heard));
      return { ...take, unprocessed, processed, undisturbed };
    });
  console.log(
    table(
      takes.map(({ erle_db, seconds_below, cpu_ms, unprocessed, processed, undisturbed, ...take }) => ({
        case: take.case,
        processing: take.processing,
        "echo loss dB": erle_db.median.toFixed(1),
        "at worst": erle_db.worst.toFixed(1),
        "below 30 dB (s)": seconds_below.toFixed(1),
        "PESQ before": unprocessed.toFixed(2),
        after: processed.toFixed(2),
        "without echo": undisturbed.toFixed(2),
        "CPU ms/s": cpu_ms.toFixed(0),
      })),
    ),
  );
  publish("echo", takes.flatMap(rows), ["processed", "compared with"]);
} finally {
  rmSync(folder, { recursive: true });
}

/** The echo beside what it has to lose; the voice beside what the microphone heard, and what it is without an echo. */
function rows({ processing, erle_db, unprocessed, processed, undisturbed, ...take }) {
  const name = `${take.case}, ${processing}`;
  return [
    row(`${name}: echo loss at worst, beside 30 dB`, erle_db.worst, ENOUGH_DB, ">=1"),
    row(`${name}: near voice, beside the microphone (PESQ)`, processed, unprocessed, ">=1"),
    row(`${name}: near voice, beside one without echo (PESQ)`, processed, undisturbed, ">=0.6"),
  ];
}

function speak(name, voice, words) {
  const file = join(folder, `${name}.wav`);
  execFileSync("espeak-ng", ["-v", voice, "-s", "150", "-w", file, words]);
  return file;
}
