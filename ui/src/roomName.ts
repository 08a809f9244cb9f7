import type { RoomName } from "./generated/RoomName";

const COLOURS =
  "amber azure blue bronze coral copper crimson emerald golden green indigo ivory jade lemon lilac lime maroon mint " +
  "olive orange peach pearl pink plum purple red rose ruby rust sand scarlet silver teal violet white yellow";
const ANIMALS =
  "badger bear beaver bison crane deer dolphin eagle falcon finch fox gecko hare hawk heron ibis koala lark lemur " +
  "lion lynx mole moose newt otter owl panda parrot puffin raven robin salmon seal sparrow stork swan tiger toad " +
  "trout turtle walrus whale wolf wren zebra";
const NUMBERS = 10_000;

/** A new room name that can be read out loud, such as `blue-owl-4207`: one of 15 million. */
export function newRoomName(random: (below: number) => number = cryptoRandom): RoomName {
  const pick = (words: string): string => {
    const list = words.split(" ");
    return list[random(list.length)] ?? "";
  };
  return `${pick(COLOURS)}-${pick(ANIMALS)}-${random(NUMBERS)}`;
}

/** An unpredictable whole number from 0 to below `below`, every one as likely: room names are the only secret. */
export function cryptoRandom(below: number): number {
  const span = 2 ** 32;
  const fair = span - (span % below);
  const buffer = new Uint32Array(1);
  do crypto.getRandomValues(buffer);
  while ((buffer[0] ?? span) >= fair);
  return (buffer[0] ?? 0) % below;
}
