/** Curves of members and of the best lineage, as the views `lines` and `series` give them. */

import { bisectCenter } from "d3-array";
import { type Column, type Columns, column } from "../api/columns";
import type { Pen, Stroke } from "./pen";
import type { Scale } from "./scale";

export interface Exploit {
  member: number;
  parent: number;
  entry: number;
  /** Where the weights came from. */
  step: number;
  score: number;
  /** Where those that were given up had come to. */
  endStep: number;
  endScore: number;
}

export interface Curve {
  member: number;
  step: Column;
  /** nan between two pieces. */
  score: Column;
  exploits: Exploit[];
  /** Steps of reports that were not finite. */
  bad: Column;
}

export function curvesOf(data: Columns | undefined): Curve[] {
  if (data === undefined) return [];
  const ids = [...data.columns.keys()].flatMap((name) => (name.endsWith("/score") ? [Number(name.split("/")[1])] : []));
  return ids.map((member) => {
    const of = (name: string) => column(data, `m/${member}/${name}`);
    const at = (name: string, i: number) => of(name)[i] ?? Number.NaN;
    const exploits = Array.from(of("exploit_step"), (step, i) => ({
      member,
      step,
      parent: at("exploit_parent", i),
      entry: at("exploit_entry", i),
      score: at("exploit_score", i),
      endStep: at("exploit_end_step", i),
      endScore: at("exploit_end_score", i),
    }));
    return { member, step: of("step"), score: of("score"), exploits, bad: of("bad_step") };
  });
}

/** A line through what is finite; a point that stands alone is a dash. `bridged`: across gaps. */
export function drawLine(pen: Pen, xs: Column, ys: Column, x: Scale, y: Scale, style: Stroke, bridged = false): void {
  let [points, px, py] = [0, 0, 0];
  const end = () => {
    if (points === 1) pen.line(px + DASH, py);
    points = 0;
  };
  pen.begin();
  for (let i = 0; i < xs.length; i += 1) {
    const value = ys[i] as number;
    if (Number.isFinite(value)) {
      [px, py] = [x.of(xs[i] as number), y.of(value)];
      if (points > 0) pen.line(px, py);
      else pen.move(bridged || Number.isFinite(ys[i + 1]) ? px : px - DASH, py);
      points += 1;
    } else if (!bridged) end();
  }
  end();
  pen.stroke(style);
}

/** Half the length of a dash, in pixels. */
const DASH = 3;

/** A line that stays at a value until the next one. */
export function drawStairs(pen: Pen, xs: Column, ys: ArrayLike<number>, x: Scale, y: Scale, style: Stroke): void {
  pen.begin();
  for (let i = 0; i < xs.length; i += 1) {
    const [at, value] = [x.of(xs[i] as number), y.of(ys[i] as number)];
    if (i === 0) pen.move(at, value);
    else {
      pen.line(at, y.of(ys[i - 1] as number));
      pen.line(at, value);
    }
  }
  pen.stroke(style);
}

/** The area between two lines. */
export function drawBand(
  pen: Pen,
  xs: Column,
  low: ArrayLike<number>,
  high: ArrayLike<number>,
  x: Scale,
  y: Scale,
  fill: { color: string; opacity?: number },
): void {
  const places = Array.from(xs, (_, i) => i).filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]));
  if (places.length === 0) return;
  pen.begin();
  places.forEach((i, n) => {
    const [at, value] = [x.of(xs[i] as number), y.of(high[i] as number)];
    if (n === 0) pen.move(at, value);
    else pen.line(at, value);
  });
  for (const i of places.reverse()) pen.line(x.of(xs[i] as number), y.of(low[i] as number));
  pen.fill(fill);
}

/** Pixels between two exploits of a line, below which their marks are drawn smaller. */
const CROWDED = 26;

/** ▽ where weights were given up, ○ where the new ones came from, and a dotted line between. */
export function drawExploits(pen: Pen, exploits: readonly Exploit[], x: Scale, y: Scale, color: string, paper: string) {
  const shown = exploits.filter(
    ({ step, endStep }) => Math.max(step, endStep) >= x.low && Math.min(step, endStep) <= x.high,
  );
  const size = (x.of(x.high) - x.of(x.low)) / Math.max(1, shown.length) < CROWDED ? 0.6 : 1;
  for (const exploit of shown) {
    if (!Number.isFinite(exploit.endScore) || !Number.isFinite(exploit.score)) continue;
    pen.begin();
    pen.move(x.of(exploit.endStep), y.of(exploit.endScore));
    pen.line(x.of(exploit.step), y.of(exploit.score));
    pen.stroke({ color, dash: [1.5, 3], width: 1.25 * size });
  }
  for (const exploit of shown) {
    drawEnd(pen, x.of(exploit.endStep), y.of(exploit.endScore), size);
    pen.fill({ color: paper });
    pen.stroke({ color, width: 1.4 * size });
    if (!Number.isFinite(exploit.score)) continue;
    pen.begin();
    pen.circle(x.of(exploit.step), y.of(exploit.score), 3.2 * size);
    pen.fill({ color: paper });
    pen.stroke({ color, width: 1.4 * size });
  }
}

function drawEnd(pen: Pen, left: number, top: number, size: number): void {
  pen.begin();
  if (!Number.isFinite(top)) return;
  pen.move(left - 4 * size, top - 3 * size);
  pen.line(left + 4 * size, top - 3 * size);
  pen.line(left, top + 4 * size);
  pen.line(left - 4 * size, top - 3 * size);
  pen.line(left + 4 * size, top - 3 * size);
}

/** × at an edge, where something is not finite. */
export function drawCrosses(pen: Pen, xs: Iterable<number>, x: Scale, top: number, color: string): void {
  pen.begin();
  for (const step of xs) {
    const at = x.of(step);
    pen.move(at - 2.5, top - 2.5);
    pen.line(at + 2.5, top + 2.5);
    pen.move(at + 2.5, top - 2.5);
    pen.line(at - 2.5, top + 2.5);
  }
  pen.stroke({ color, width: 1.2 });
}

/** The value of a line nearest to a step; nan where there is none near. */
export function valueAt(xs: Column, ys: ArrayLike<number>, step: number): number {
  if (xs.length === 0) return Number.NaN;
  const at = bisectCenter(xs as ArrayLike<number>, step);
  for (const i of [at, at - 1, at + 1]) if (Number.isFinite(ys[i])) return ys[i] as number;
  return Number.NaN;
}

/** The value of a line in a bin around a step; nan where it has none there. */
export function valueIn(xs: Column, ys: ArrayLike<number>, step: number, width: number): number {
  const at = xs.length === 0 ? 0 : bisectCenter(xs as ArrayLike<number>, step);
  return Math.abs((xs[at] ?? Number.NaN) - step) <= width / 2 ? (ys[at] as number) : Number.NaN;
}

/** The last value that is finite; nan where none is. */
export function lastOf(values: ArrayLike<number>): number {
  for (let i = values.length - 1; i >= 0; i -= 1) if (Number.isFinite(values[i])) return values[i] as number;
  return Number.NaN;
}

/** The value of stairs at a step. */
export function heldAt(xs: Column, ys: ArrayLike<number>, step: number): number {
  let found = Number.NaN;
  for (let i = 0; i < xs.length && (xs[i] as number) <= step; i += 1) found = ys[i] as number;
  return found;
}

const NEAR = 10;

/** The curve that passes a point of the picture within a few pixels. */
export function nearest(curves: readonly Curve[], px: number, py: number, x: Scale, y: Scale): Curve | null {
  let best = NEAR;
  let found: Curve | null = null;
  const step = x.back(px);
  for (const curve of curves) {
    const i = bisectCenter(curve.step as ArrayLike<number>, step);
    for (const k of [i - 1, i]) {
      const away = distance(curve, k, px, py, x, y);
      if (away < best) {
        best = away;
        found = curve;
      }
    }
  }
  return found;
}

/** From a point to the piece of a curve between two of its points, in pixels. */
function distance({ step, score }: Curve, i: number, px: number, py: number, x: Scale, y: Scale): number {
  const [x0, y0, x1, y1] = [step[i], score[i], step[i + 1], score[i + 1]];
  if (x0 === undefined || y0 === undefined || Number.isNaN(y0)) return Number.POSITIVE_INFINITY;
  const [ax, ay] = [x.of(x0), y.of(y0)];
  if (x1 === undefined || y1 === undefined || Number.isNaN(y1)) return Math.hypot(px - ax, py - ay);
  const [dx, dy] = [x.of(x1) - ax, y.of(y1) - ay];
  const along = Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(px - ax - along * dx, py - ay - along * dy);
}

/** The exploit whose ▽ or ○ is at a point of the picture. */
export function exploitAt(curves: readonly Curve[], px: number, py: number, x: Scale, y: Scale): Exploit | null {
  let best = NEAR;
  let found: Exploit | null = null;
  for (const curve of curves)
    for (const exploit of curve.exploits) {
      const ends = [
        [exploit.step, exploit.score],
        [exploit.endStep, exploit.endScore],
      ] as const;
      for (const [step, score] of ends) {
        const away = Math.hypot(px - x.of(step), py - y.of(score));
        if (away < best) {
          best = away;
          found = exploit;
        }
      }
    }
  return found;
}
