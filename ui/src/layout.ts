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
}

const ASPECT = 16 / 9;
const GAP = 12;
/** Share of the stage's shorter way that the own picture takes beside others, and its limits in pixels. */
const OWN_SHARE = 0.26;
const OWN_HEIGHT = { least: 84, most: 180 };

/** Places everybody's picture on a stage. */
export function arrange(stage: Size, others: number): Arrangement {
  if (others === 0) return { own: { x: 0, y: 0, ...stage }, others: [] };
  const own = ownSize(stage);
  return {
    own: { ...own, x: Math.max(stage.width - own.width - GAP, 0), y: Math.max(stage.height - own.height - GAP, 0) },
    others: grid(stage, others),
  };
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
