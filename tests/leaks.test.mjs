/** Entering and leaving leaves nothing behind: in who does it, in who stays, in the server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { keep, table } from "./support/artefacts.mjs";
import { observe, until } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";

/** So many, in half of which a leak grows out of what an allocator does by chance. */
const STAYS = 600;
/** What comes into being once and stays, such as thread pools, is there by then. */
const WARM_AFTER = 10;
/** Memory that is given back and taken again. */
const MAX_GROWTH = 1.1;
/** A stay that is just being taken down, or a buffer that waits for its reader, is held for a moment: the least counts. */
const WINDOW = 40;
/**
 * Whether a pool holds a picture more (338 KiB) and how much glibc keeps of its heap (steps of 128 KiB) is chance within
 * bounds, however many stays there are. Over the 300 stays of a half, this is 2.6 kB for each.
 */
const MAX_LATE_GROWTH_BYTES = 768 * 1024;
/** Time in which what ends in the background has to have ended, and in which nothing may change. */
const SETTLE_LIMIT_MS = 15_000;
const SETTLED_MS = 1_000;

test("six hundred stays leave nothing behind", { timeout: 420_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const link = server.room();
  // glibc's allocator keeps what is free: in an arena for each thread, and under thresholds that grow with use. One arena
  // and fixed thresholds give it back, so that what a program holds says what it uses.
  const env = { MALLOC_ARENA_MAX: "1", MALLOC_MMAP_THRESHOLD_: "131072", MALLOC_TRIM_THRESHOLD_: "131072" };
  const host = Peer.start(scope, link, { name: "Host", speaker: "none", env });
  await host.inRoom();
  const guest = Peer.start(scope, link, { name: "Guest", speaker: "none", args: ["--stay-per-line"], env });
  const programs = [guest.program, host.program, server.program];

  const rows = [];
  /** By stay, by program. @type {import("./support/process.mjs").Resources[][]} */
  const held = [];
  let warm;
  for (let stay = 1; stay <= STAYS; stay++) {
    const { length } = guest.program.lines;
    guest.program.write("");
    await guest.left(length);
    held[stay] = programs.map((program) => program.resources());
    if (stay === WARM_AFTER) warm = await Promise.all(programs.map((program) => settled(program)));
    if (stay % WARM_AFTER === 0) rows.push({ stay, ...columns(programs) });
  }
  const cold = await Promise.all(programs.map((program, index) => settled(program, warm[index])));
  rows.push({ stay: "settled", ...columns(programs) });
  keep("leaks.txt", table(rows));

  for (const [index, { name }] of programs.entries()) {
    const [before, after] = [warm[index], cold[index]];
    // The kernel takes pages of files away and gives them back as it likes, so the most of a few stays counts.
    const early = Math.max(...held.slice(WARM_AFTER, 2 * WARM_AFTER).map((stay) => stay[index].rssBytes));
    const least = (end) => Math.min(...held.slice(end - WINDOW, end).map((stay) => stay[index].ownBytes));
    const half = least(STAYS / 2);
    const end = Math.min(least(STAYS), after.ownBytes);
    t.diagnostic(
      `${name}: threads ${before.threads} → ${after.threads}, files ${before.files} → ${after.files}, ` +
        `memory ${megabytes(early)} → ${megabytes(after.rssBytes)} MB, ` +
        `without files ${megabytes(half)} → ${megabytes(end)} MB in the second half`,
    );
    assert.equal(after.threads, before.threads, `${name}: threads`);
    assert.equal(after.files, before.files, `${name}: open files`);
    assert.ok(after.rssBytes < MAX_GROWTH * early, `${name}: ${early} → ${after.rssBytes} bytes`);
    assert.ok(end < half + MAX_LATE_GROWTH_BYTES, `${name}: ${half} → ${end} bytes in the second half`);
  }
});

/**
 * What a program holds when it holds the same for a while; as much as `expected`, if it comes to that in time.
 *
 * @param {import("./support/process.mjs").Resources} [expected]
 */
async function settled(program, expected) {
  const same = (a, b) => b === undefined || (a.threads === b.threads && a.files === b.files);
  const found = until(SETTLE_LIMIT_MS, `${program.name} to come to rest`, async () => {
    const before = program.resources();
    await observe(SETTLED_MS);
    const after = program.resources();
    return same(after, before) && same(after, expected) && after;
  });
  return expected === undefined ? found : found.catch(() => program.resources());
}

function columns(programs) {
  return Object.assign(
    {},
    ...programs.map((program) => {
      const { name } = program;
      const { rssBytes, ownBytes, threads, files } = program.resources();
      return {
        [`${name} MB`]: megabytes(rssBytes),
        [`${name} own MB`]: megabytes(ownBytes),
        [`${name} threads`]: threads,
        [`${name} files`]: files,
      };
    }),
  );
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
