/** Where pictures go: all the arithmetic of the call's stage, in CSS pixels. */

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  x: number;
  y: number;
}

export interface Arrangement {
  /** The own picture: the whole stage while alone, a corner of it beside others. */
  own: Rect;
  others: Rect[];
  /** Shared screens. */
  screens: Rect[];
}

const ASPECT = 16 / 9;
const GAP = 12;
/** Share of the stage's shorter way that the own picture takes beside others, and its limits in pixels. */
const OWN_SHARE = 0.26;
const OWN_HEIGHT = { least: 84, most: 180 };
/** Share of a stage's longer side that the pictures beside a screen take, and its limits in pixels. */
const STRIP_SHARE = 0.2;
const STRIP = { least: 96, most: 260 };

/** Places everybody's picture on a stage; screens large, with the pictures in a strip beside them. */
export function arrange(stage: Size, others: number, screens = 0): Arrangement {
  if (screens > 0) return arrangeScreens(stage, others, screens);
  if (others === 0) return { own: { x: 0, y: 0, ...stage }, others: [], screens: [] };
  const own = ownSize(stage);
  return {
    own: { ...own, x: Math.max(stage.width - own.width - GAP, 0), y: Math.max(stage.height - own.height - GAP, 0) },
    others: grid(stage, others),
    screens: [],
  };
}

/** The strip is on the right of a wide stage and at the bottom of a high one; the own picture is its last. */
function arrangeScreens(stage: Size, others: number, screens: number): Arrangement {
  const wide = stage.width >= stage.height;
  const longer = wide ? stage.width : stage.height;
  const depth = Math.min(Math.max(longer * STRIP_SHARE, STRIP.least), STRIP.most, longer / 3);
  const rest = Math.max(longer - depth - GAP, 0);
  const strip = wide ? { width: depth, height: stage.height } : { width: stage.width, height: depth };
  const offset = wide ? { x: rest + GAP, y: 0 } : { x: 0, y: rest + GAP };
  const places = row(strip, others + 1, wide).map((place) => ({ ...place, x: place.x + offset.x, y: place.y + offset.y }));
  const own = places.at(-1) ?? { ...strip, ...offset };
  const large = wide ? { width: rest, height: stage.height } : { width: stage.width, height: rest };
  return { own, others: places.slice(0, -1), screens: grid(large, screens) };
}

/** Places of a picture's shape, one after the other, in the middle of a strip. */
function row(strip: Size, count: number, down: boolean): Rect[] {
  const gaps = GAP * (count - 1);
  const width = down
    ? Math.min(strip.width, Math.max((strip.height - gaps) / count, 0) * ASPECT)
    : Math.min(Math.max((strip.width - gaps) / count, 0), strip.height * ASPECT);
  const height = width / ASPECT;
  const length = count * (down ? height : width) + gaps;
  const start = Math.max(((down ? strip.height : strip.width) - length) / 2, 0);
  return Array.from({ length: count }, (_, i) => {
    const along = start + i * ((down ? height : width) + GAP);
    return down
      ? { x: (strip.width - width) / 2, y: along, width, height }
      : { x: along, y: (strip.height - height) / 2, width, height };
  });
}

/** Whether a picture may fill its place by losing some of its edges, or would lose too much. */
export function videoFit(place: Size, picture: Size = { width: 16, height: 9 }): "cover" | "contain" {
  const ratio = (place.width * picture.height) / (place.height * picture.width);
  return Math.max(ratio, 1 / ratio) <= 1.4 ? "cover" : "contain";
}

function ownSize(stage: Size): Size {
  const wanted = Math.min(stage.width, stage.height) * OWN_SHARE;
  const height = Math.min(Math.max(wanted, OWN_HEIGHT.least), OWN_HEIGHT.most, stage.height / 2);
  const width = Math.min(height * ASPECT, stage.width / 2);
  return { width: Math.round(width), height: Math.round(width / ASPECT) };
}

/** Equal places in rows, as many columns as make the pictures largest; the last row is centred. */
function grid(stage: Size, count: number): Rect[] {
  const columns = bestColumns(stage, count);
  const rows = Math.ceil(count / columns);
  const width = (stage.width - GAP * (columns - 1)) / columns;
  const height = (stage.height - GAP * (rows - 1)) / rows;
  return Array.from({ length: count }, (_, i) => {
    const row = Math.floor(i / columns);
    const inRow = Math.min(columns, count - row * columns);
    const left = (stage.width - inRow * width - (inRow - 1) * GAP) / 2;
    return { x: left + (i % columns) * (width + GAP), y: row * (height + GAP), width, height };
  });
}

function bestColumns(stage: Size, count: number): number {
  const pictureWidth = (columns: number): number => {
    const rows = Math.ceil(count / columns);
    const width = (stage.width - GAP * (columns - 1)) / columns;
    const height = (stage.height - GAP * (rows - 1)) / rows;
    return Math.min(width, height * ASPECT);
  };
  const choices = Array.from({ length: count }, (_, i) => i + 1);
  return choices.reduce((best, columns) => (pictureWidth(columns) > pictureWidth(best) ? columns : best), 1);
}
