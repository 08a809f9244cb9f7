import { expect, test } from "vitest";
import { LocalSource, type OpenSource } from "./LocalSource";

/** Devices that open when told to, and everything that was heard of them. */
function bench() {
  const log: string[] = [];
  const opening = new Map<string, { resolve(): void; reject(cause: unknown): void }>();
  const tracks = new Map<string, MediaStreamTrack>();
  const open = (choice: string): Promise<OpenSource> =>
    new Promise((resolve, reject) => {
      log.push(`open ${choice}`);
      const track = { id: choice, onended: null } as unknown as MediaStreamTrack;
      tracks.set(choice, track);
      opening.set(choice, { resolve: () => resolve({ track, close: () => log.push(`close ${choice}`) }), reject });
    });
  const source = new LocalSource(open, {
    track: (track) => log.push(`track ${track?.id ?? "none"}`),
    failed: (cause) => log.push(`failed ${String(cause)}`),
  });
  const settle = async (choice: string, cause?: unknown) => {
    if (cause === undefined) opening.get(choice)?.resolve();
    else opening.get(choice)?.reject(cause);
    await new Promise((done) => setImmediate(done));
  };
  const end = (choice: string) => tracks.get(choice)?.onended?.(new Event("ended"));
  return { source, log, settle, end };
}

test("what is wanted is opened, and given back when it is not wanted any more", async () => {
  const { source, log, settle } = bench();
  source.want("a");
  await settle("a");
  expect(source.track?.id).toBe("a");
  source.want("a");
  source.want(undefined);
  expect(log).toEqual(["open a", "track a", "close a", "track none"]);
  expect(source.track).toBeUndefined();
});

test("what is open, or being opened, is opened anew, and nothing else is", async () => {
  const { source, log, settle } = bench();
  source.reopen();
  source.want("a");
  source.reopen();
  await settle("a");
  await settle("a");
  source.reopen();
  await settle("a");
  const once = ["open a", "track a", "close a", "track none"];
  expect(log).toEqual([...once, ...once, "open a", "track a"]);
});

test("a device is closed before the next one is opened", async () => {
  const { source, log, settle } = bench();
  source.want("a");
  await settle("a");
  source.want("b");
  await settle("b");
  expect(log).toEqual(["open a", "track a", "close a", "track none", "open b", "track b"]);
});

test("a wish that changes while a device opens is followed, one device at a time", async () => {
  const { source, log, settle } = bench();
  source.want("a");
  source.want("b");
  source.want("c");
  expect(log).toEqual(["open a"]);
  await settle("a");
  expect(log).toEqual(["open a", "close a", "open c"]);
  await settle("c");
  expect(log.at(-1)).toBe("track c");
});

test("a failure ends the wish, but not one that has changed meanwhile", async () => {
  const { source, log, settle } = bench();
  source.want("a");
  await settle("a", "no");
  expect(log).toEqual(["open a", "failed no"]);
  source.want("a");
  source.want("b");
  await settle("a", "no");
  await settle("b");
  expect(log).toEqual(["open a", "failed no", "open a", "open b", "track b"]);
});

test("a device that goes away is told once, and can be had again", async () => {
  const { source, log, settle, end } = bench();
  source.want("a");
  await settle("a");
  end("a");
  end("a");
  expect(log.slice(2)).toEqual(["close a", "track none", "failed DeviceLostError: the device is gone"]);
  source.want("a");
  await settle("a");
  expect(log.at(-1)).toBe("track a");
});
