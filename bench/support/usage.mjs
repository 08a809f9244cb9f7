import { readFileSync, readdirSync } from "node:fs";

const TICKS_PER_SECOND = 100;
const SAMPLE_INTERVAL_MS = 250;

/** @returns {Map<number, number[]>} children by parent */
function processTree() {
  const children = new Map();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = statFields(Number(entry))?.[1];
    if (parent === undefined) continue;
    children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(entry)]);
  }
  return children;
}

/** The fields of /proc/PID/stat from the state on; undefined once the process is gone. */
function statFields(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** The ids of the direct children of this process. */
export function ownChildren() {
  return processTree().get(process.pid) ?? [];
}

/** A process and everything it started. */
export function family(root) {
  const tree = processTree();
  const found = [];
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    found.push(pid);
    waiting.push(...(tree.get(pid) ?? []));
  }
  return found;
}

/** Seconds of processor time that the processes have used. */
export function cpuSeconds(pids) {
  return pids.reduce((sum, pid) => {
    const fields = statFields(pid);
    return fields === undefined ? sum : sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }, 0);
}

/** Proportional set size: memory shared between processes is counted once. */
function pssBytes(pids) {
  return pids.reduce((sum, pid) => {
    try {
      return sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]) * 1024;
    } catch {
      return sum;
    }
  }, 0);
}

/**
 * What a side uses over a while.
 *
 * @param {number} root its first process
 * @returns {Promise<{ cpu: number, peakBytes: number }>} `cpu`: seconds of processor time per second
 */
export async function measure(root, seconds) {
  const pids = family(root);
  const started = process.hrtime.bigint();
  const before = cpuSeconds(pids);
  let peakBytes = 0;
  const elapsed = () => Number(process.hrtime.bigint() - started) / 1e9;
  while (elapsed() < seconds) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_INTERVAL_MS));
    peakBytes = Math.max(peakBytes, pssBytes(pids));
  }
  return { cpu: (cpuSeconds(pids) - before) / elapsed(), peakBytes };
}

/**
 * What a side uses, interval by interval.
 *
 * @param {number} root its first process
 * @returns {Promise<{ seconds: number, cpu: number, bytes: number }[]>} `cpu`: seconds of processor time per second;
 *   `bytes`: at the end of the interval
 */
export async function follow(root, seconds, intervalS) {
  const pids = family(root);
  const samples = [];
  const elapsed = () => performance.now() / 1000 - began;
  const began = performance.now() / 1000;
  let [at, used] = [0, cpuSeconds(pids)];
  while (samples.length < Math.floor(seconds / intervalS)) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * ((samples.length + 1) * intervalS - elapsed())));
    const [now, nowUsed] = [elapsed(), cpuSeconds(pids)];
    samples.push({ seconds: Number(now.toFixed(1)), cpu: (nowUsed - used) / (now - at), bytes: pssBytes(pids) });
    [at, used] = [now, nowUsed];
  }
  return samples;
}
