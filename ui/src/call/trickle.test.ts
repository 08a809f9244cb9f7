import { expect, test } from "vitest";
import type { Output } from "../generated/Output";
import { MAX_CANDIDATES_PER_MESSAGE } from "./limits";
import { MAX_KEPT, send, Trickle, type Trickled, ufrags } from "./trickle";

test("a flood for a description that never comes is bounded", () => {
  const trickle = new Trickle();
  for (let i = 0; i < 10_000; i++) expect(trickle.handle({ type: "end", ufrag: "flood" })).toEqual([]);
  expect(trickle.handleDescription("a=ice-ufrag:flood\r\n")).toHaveLength(MAX_KEPT);
});

test("fragments are read once each", () => {
  expect(ufrags("v=0\r\na=ice-ufrag:one\r\nm=\r\na=ice-ufrag:one\r\na=ice-ufrag:two\n")).toEqual(["one", "two"]);
});

test("batches keep to the limit of the protocol", () => {
  const candidate = { candidate: "c", mid: "0", ufrag: "u" };
  const items: Trickled[] = Array.from({ length: MAX_CANDIDATES_PER_MESSAGE + 1 }, () => ({
    type: "candidate",
    candidate,
  }));
  const out: Output[] = [];
  send("p", [...items, { type: "end", ufrag: "u" }], out);
  const sizes = out.map((output) =>
    output.type === "send" && output.message.type === "candidates" ? output.message.payload.candidates.length : 0,
  );
  expect(sizes).toEqual([MAX_CANDIDATES_PER_MESSAGE, 1, 0]);
});
