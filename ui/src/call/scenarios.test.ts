/** Every call in `crates/call/scenarios` runs exactly as written; `crates/call/tests/scenarios.rs` runs the same files. */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Input } from "../generated/Input";
import type { Output } from "../generated/Output";
import { Call } from "./Call";

interface Scenario {
  about: string;
  steps: { at_ms: number; input?: Input; outputs?: Output[]; wake_ms?: number }[];
}

const folder = new URL("../../../crates/call/scenarios/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

test("the scenarios are found", () => {
  expect(files.length).toBeGreaterThanOrEqual(15);
});

test.each(files)("%s", (file) => {
  const scenario = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Scenario;
  const call = new Call("scenario/1");
  for (const [index, step] of scenario.steps.entries()) {
    if (step.input === undefined) call.handleTimeout(step.at_ms);
    else call.handle(step.at_ms, step.input);
    const outputs = Array.from({ length: 1000 }, () => call.pollOutput()).filter((output) => output !== undefined);
    const place = `step ${index} at ${step.at_ms} ms`;
    expect(outputs, `${place}: outputs`).toEqual(step.outputs ?? []);
    expect(call.pollTimeoutMs(), `${place}: next time-out`).toBe(step.wake_ms);
  }
});
