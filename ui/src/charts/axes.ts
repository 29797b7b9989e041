/** Axes of hairlines. */

import type { Theme } from "../state/theme";
import type { Pen } from "./pen";
import { beside, fitted, gutter, widthOf } from "./room";
import type { Scale, Tick } from "./scale";

export interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** The area of a chart over steps; `labelled`: steps are written below it. */
export function areaOf(width: number, height: number, labelled = true): Area {
  const { left, right } = gutter(width);
  return { left, right: Math.max(left + 1, width - right), top: 8, bottom: height - (labelled ? 22 : 6) };
}

/** Steps, as marks below and, faintly, through the chart. */
export function drawSteps(pen: Pen, scale: Scale, area: Area, { colours }: Theme, labelled = true): void {
  const ticks = scale.ticks(Math.max(2, Math.floor((area.right - area.left) / 90)));
  pen.begin();
  for (const { at } of ticks) {
    pen.move(crisp(at), area.top);
    pen.line(crisp(at), area.bottom);
  }
  pen.stroke({ color: colours.line });
  if (!labelled) return;
  for (const { at, label } of apart(ticks, area))
    pen.text(label, at, area.bottom + 6, { color: colours.soft, align: "center", baseline: "top" });
}

/** Between two labels, and beyond an area as far as every chart has room. */
const BETWEEN = 10;
const BEYOND = 28;

/** As many of the ticks as have room for their labels side by side, each label inside of the chart. */
function apart(ticks: readonly Tick[], area: Area): Tick[] {
  const widest = Math.max(0, ...ticks.map(({ label }) => widthOf(label)));
  const pitch = Math.abs((ticks[1]?.at ?? 0) - (ticks[0]?.at ?? 0));
  const every = pitch > 0 ? Math.ceil((widest + BETWEEN) / pitch) : 1;
  const inside = (at: number, half: number) => Math.max(half, Math.min(area.right + BEYOND - half, at));
  return ticks
    .filter((_, i) => i % every === 0)
    .map(({ at, label }) => ({ label, at: inside(at, widthOf(label) / 2) }));
}

/** Values, beside the chart. */
export function drawValues(pen: Pen, scale: Scale, area: Area, { colours }: Theme): void {
  const ticks = scale.ticks(Math.max(3, Math.floor((area.bottom - area.top) / 34)));
  const inside = ticks.filter(({ at }) => at >= area.top - 1 && at <= area.bottom + 1);
  pen.begin();
  for (const { at } of inside) {
    pen.move(area.left, crisp(at));
    pen.line(area.right, crisp(at));
  }
  pen.stroke({ color: colours.line });
  for (const { at, label } of inside) beside(pen, "left", area, label, at, { color: colours.soft });
}

/** Words in the place of what can not be drawn. */
export function drawNotice(pen: Pen, text: string, area: Area, { colours }: Theme): void {
  const said = fitted(text, area.right - area.left, { size: 13 });
  const [x, y] = [(area.left + area.right) / 2, (area.top + area.bottom) / 2];
  const half = widthOf(said, { size: 13 }) / 2 + 8;
  pen.rect(x - half, y - 12, 2 * half, 24, { color: colours.paper });
  pen.text(said, x, y, { color: colours.soft, size: 13, align: "center", baseline: "middle" });
}

/** A hairline over one row of pixels, not half of two. */
export function crisp(x: number): number {
  return Math.round(x - 0.5) + 0.5;
}

/** Short lines from the upper edge, at these steps. */
export function drawTicks(pen: Pen, steps: Iterable<number>, x: Scale, area: Area, { colours }: Theme): void {
  pen.begin();
  for (const step of steps) {
    const at = x.of(step);
    if (at < area.left || at > area.right) continue;
    pen.move(crisp(at), area.top);
    pen.line(crisp(at), area.top + 7);
  }
  pen.stroke({ color: colours.ink });
}

/** A vertical line at the step that the pointer is at. */
export function drawCursor(pen: Pen, x: number, area: Area, { colours }: Theme): void {
  if (x < area.left || x > area.right) return;
  pen.begin();
  pen.move(crisp(x), area.top);
  pen.line(crisp(x), area.bottom);
  pen.stroke({ color: colours.soft });
}
