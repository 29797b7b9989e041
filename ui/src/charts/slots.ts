/** A row of cells for each member, and arcs from those whose weights were taken over to those who took them. */

import { type Column, type Columns, column } from "../api/columns";
import type { Domain } from "../api/shapes";
import { number, shortened, value as text } from "../parts/format";
import type { Key } from "../parts/legend";
import type { Theme } from "../state/theme";
import type { Area } from "./axes";
import { hueOf, partsOf, rangeText } from "./colouring";
import type { Pen } from "./pen";
import { css, type Rgb, shade } from "./ramp";
import type { Scale } from "./scale";

const ODD = 254;
const NOTHING = 255;

export interface Slots {
  rows: number;
  members: Column;
  from: number;
  to: number;
  exploits: { step: number; member: number; parent: number; entry: number }[];
  /** The row of each member. */
  rowOf: Map<number, number>;
}

export function slotsIn(data: Columns): Slots {
  const { rows, from, to } = data.meta as Record<"rows" | "from" | "to", number>;
  const members = column(data, "member");
  const rowOf = new Map(Array.from(members, (id, i) => [id, Math.floor((i * rows) / members.length)]));
  const of = (name: string) => column(data, `exploit_${name}`);
  const exploits = Array.from(of("step"), (step, i) => ({
    step,
    member: of("member")[i] as number,
    parent: of("parent")[i] as number,
    entry: of("entry")[i] as number,
  }));
  return { rows, members, from, to, exploits, rowOf };
}

/** The colour of a level from 0 to `levels`. */
function colourOf(data: Columns, theme: Theme): (level: number) => Rgb {
  const { levels, domain, by, maximize } = data.meta as {
    levels: number;
    domain: Domain | null;
    by: string;
    maximize: boolean;
  };
  const back = by === "score" && !maximize;
  if (domain && "values" in domain) {
    const n = domain.values.length;
    if (domain.kind === "choice") return (level) => partsOf(hueOf(level, n, theme));
    return (level) => shade(0.12 + (0.88 * level) / Math.max(1, n - 1), theme.dark);
  }
  return (level) => shade(0.12 + 0.88 * (back ? 1 - level / levels : level / levels), theme.dark);
}

/** Cells as a picture: a pixel each. */
export function pictureOf(data: Columns, theme: Theme): HTMLCanvasElement | null {
  const { rows, width } = data.meta as Record<"rows" | "width", number>;
  const cells = column(data, "cell");
  const image = document.createElement("canvas");
  image.width = width;
  image.height = Math.max(1, rows);
  const context = image.getContext("2d");
  if (context === null || rows === 0) return null;
  const pixels = context.createImageData(width, rows);
  const colour = colourOf(data, theme);
  const shades = Array.from({ length: ODD }, (_, level) => colour(level));
  for (let i = 0; i < cells.length; i += 1) {
    const level = cells[i] as number;
    if (level === NOTHING) continue;
    const [r, g, b] = level === ODD ? BAD : (shades[level] ?? BAD);
    pixels.data.set([r, g, b, 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  return image;
}

const BAD: Rgb = [179, 38, 30];

/** Whether values lie below and above those that levels tell apart. */
export function beyond({ meta }: Columns): [below: boolean, above: boolean] {
  const { low, high, least, most } = meta as Record<"low" | "high", number> & Record<"least" | "most", number | null>;
  return [least !== null && least < low, most !== null && most > high];
}

export function slotKeys(data: Columns, theme: Theme, arcs: boolean): Key[] {
  const { low, high, least, levels, domain } = data.meta as {
    low: number;
    high: number;
    least: number | null;
    levels: number;
    domain: Domain | null;
  };
  const colour = colourOf(data, theme);
  const keys: Key[] = [];
  if (domain && "values" in domain && domain.kind === "choice")
    for (const [i, value] of domain.values.slice(0, 6).entries())
      keys.push({ text: shortened(text(value), 18), mark: "area", color: css(colour(i)) });
  else if (least !== null) {
    const ends =
      domain && "values" in domain
        ? [text(domain.values[0]), text(domain.values.at(-1))].map((end) => shortened(end, 14))
        : [number(low), number(high)];
    const last = domain && "values" in domain ? domain.values.length - 1 : levels;
    keys.push({ text: rangeText(ends, beyond(data)), mark: "ramp", color: css(colour(0)), end: css(colour(last)) });
  }
  if (column(data, "cell").includes(ODD)) keys.push({ text: "not finite", mark: "area", color: css(BAD) });
  if (arcs) keys.push({ text: "took over weights", mark: "exploit", color: theme.colours.ink });
  return keys;
}

export function rowPitch(slots: Slots, area: Area): number {
  return (area.bottom - area.top) / Math.max(1, slots.rows);
}

/** The middle of a member's row. */
export function rowAt(slots: Slots, member: number, area: Area): number {
  return area.top + ((slots.rowOf.get(member) ?? 0) + 0.5) * rowPitch(slots, area);
}

/** Where an arc bulges to, in pixels from its step: less where there is little room. */
function bulge(from: number, to: number, area: Area): number {
  return Math.min(26, (area.right - area.left) / 28, 4 + 0.16 * Math.abs(to - from));
}

const PIECES = 14;

function arc(pen: Pen, at: number, from: number, to: number, area: Area): void {
  const out = bulge(from, to, area);
  pen.move(at, from);
  for (let i = 1; i <= PIECES; i += 1) {
    const t = i / PIECES;
    pen.line(at - out * 4 * t * (1 - t), from + (to - from) * t);
  }
  const way = Math.sign(to - from);
  pen.move(at - 4.5, to - way * 5);
  pen.line(at, to - way * 1);
  pen.line(at + 1.5, to - way * 6);
}

export function drawArcs(
  pen: Pen,
  slots: Slots,
  x: Scale,
  area: Area,
  which: (exploit: Slots["exploits"][number]) => boolean,
  style: { color: string; width: number; opacity: number; rim: string },
): void {
  const shown = slots.exploits.filter((one) => which(one) && one.step >= x.low && one.step <= x.high);
  for (const look of [
    { color: style.rim, width: style.width + 2, opacity: style.opacity * 0.7 },
    { color: style.color, width: style.width, opacity: style.opacity },
  ]) {
    pen.begin();
    for (const one of shown)
      if (slots.rowOf.has(one.parent) && slots.rowOf.has(one.member))
        arc(pen, x.of(one.step), rowAt(slots, one.parent, area), rowAt(slots, one.member, area), area);
    pen.stroke(look);
  }
}

const NEAR = 6;

/** The exploit whose arc passes a point of the picture. */
export function arcAt(slots: Slots, x: Scale, area: Area, px: number, py: number): Slots["exploits"][number] | null {
  let best = NEAR;
  let found: Slots["exploits"][number] | null = null;
  for (const one of slots.exploits) {
    const [from, to] = [rowAt(slots, one.parent, area), rowAt(slots, one.member, area)];
    if (py < Math.min(from, to) - NEAR || py > Math.max(from, to) + NEAR) continue;
    const t = from === to ? 0.5 : Math.min(1, Math.max(0, (py - from) / (to - from)));
    const away = Math.abs(px - (x.of(one.step) - bulge(from, to, area) * 4 * t * (1 - t)));
    if (away < best) [best, found] = [away, one];
  }
  return found;
}
