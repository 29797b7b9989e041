/** Axes of hairlines. */

import type { Theme } from "../state/theme";
import { gutter } from "./gestures";
import type { Pen } from "./pen";
import type { Scale } from "./scale";

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
  ticks.forEach(({ at, label }) => {
    pen.text(label, at, area.bottom + 6, { color: colours.soft, align: "center", baseline: "top" });
  });
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
  for (const { at, label } of inside)
    pen.text(label, area.left - 8, at, { color: colours.soft, align: "right", baseline: "middle" });
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
