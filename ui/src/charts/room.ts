/** Pixels beside the charts' own area: the same in all charts of a view, so that steps stand below each other, and as
 * many as the longest of what is written there needs. */

import { computed, effect, signal } from "@preact/signals";
import { place } from "../state/place";
import type { Area } from "./axes";
import { font, type Pen, type TextStyle } from "./pen";

type Side = "left" | "right";
type Room = Readonly<Record<Side, number>>;

const NARROW = 500;
/** Between an area and what is written beside it, and beyond that up to the edge: another viewer's font may be wider. */
const APART = { left: 8, right: 6 } as const;
const EDGE = 5;
/** Room grows by whole steps: charts must not move by a pixel whenever a number changes. */
const STEP = 4;

const NONE: Room = { left: 0, right: 0 };
const needed = signal<Room>(NONE);

const shown = computed(() => `${place.value.view} ${place.value.population}`);
effect(() => {
  if (shown.value) needed.value = NONE;
});

/** What is left free beside an area in a chart of this width. Who draws by it is drawn again when it grows. */
export function gutter(width: number): Room {
  const { left, right } = needed.value;
  return width < NARROW
    ? { left: Math.max(44, left), right: Math.max(30, right) }
    : { left: Math.max(56, left), right: Math.max(52, right) };
}

/** Make room for a text beside the areas of all charts. */
export function reserve(side: Side, text: string, style: Pick<TextStyle, "bold"> = {}): void {
  const wanted = Math.ceil((widthOf(text, style) + APART[side] + EDGE) / STEP) * STEP;
  const now = needed.peek();
  if (wanted > now[side]) needed.value = { ...now, [side]: wanted };
}

/** A text beside an area, never cut: what it lacks of room is there at the next drawing. */
export function beside(pen: Pen, side: Side, area: Area, text: string, y: number, style: TextStyle): void {
  reserve(side, text, style);
  const x = side === "left" ? area.left - APART.left : area.right + APART.right;
  pen.text(text, x, y, { baseline: "middle", ...style, align: side === "left" ? "right" : "left" });
}

let measuring: CanvasRenderingContext2D | null | undefined;
/** Of a letter's height, where nothing can be measured. */
const LETTER = 0.64;

/** The pixels that a text takes up. */
export function widthOf(text: string, style: Pick<TextStyle, "bold" | "size"> = {}): number {
  measuring ??= document.createElement("canvas").getContext("2d");
  if (!measuring) return text.length * LETTER * (style.size ?? 11);
  measuring.font = font(style);
  return measuring.measureText(text).width;
}

/** A text in no more than so many pixels: of a longer one the middle is left out. */
export function fitted(text: string, width: number, style: Pick<TextStyle, "bold" | "size"> = {}): string {
  if (widthOf(text, style) <= width) return text;
  const letters = [...text];
  let [fits, most] = [1, letters.length - 1];
  const cut = (n: number) =>
    `${letters.slice(0, Math.ceil(n / 2)).join("")}…${letters.slice(letters.length - Math.floor(n / 2)).join("")}`;
  while (fits < most) {
    const middle = Math.ceil((fits + most) / 2);
    if (widthOf(cut(middle), style) <= width) fits = middle;
    else most = middle - 1;
  }
  return cut(fits);
}
