/** Clades as nested areas (a plot after Muller, 1932): each stands before and after what descends from it. */

import { type Column, type Columns, column } from "../api/columns";
import type { Theme } from "../state/theme";
import type { Area } from "./axes";
import { hueOf } from "./colouring";
import { drawBand, drawLine } from "./curves";
import type { Pen } from "./pen";
import type { Scale } from "./scale";
import type { Clade } from "./tree";

export interface Stack {
  step: Column;
  shares: Column[];
  clades: Clade[];
  /** From the bottom: which clade each layer is of, and the layer's edges. */
  layers: { clade: number; low: Float64Array; high: Float64Array }[];
}

export function stackOf(data: Columns): Stack {
  const { clades, order } = data.meta as { clades: Clade[]; order: number[] };
  const step = column(data, "step");
  const shares = Array.from({ length: clades.length + 1 }, (_, k) => column(data, `share/${k}`));
  const sums = new Float64Array(step.length);
  const layers = order.map((clade) => {
    const low = Float64Array.from(sums, (sum, i) => (Number.isFinite(shares[clade]?.[i]) ? sum : Number.NaN));
    for (let i = 0; i < sums.length; i += 1) sums[i] = (sums[i] as number) + (shares[clade]?.[i] || 0) / 2;
    const high = Float64Array.from(sums, (sum, i) => (Number.isFinite(low[i]) ? sum : Number.NaN));
    return { clade, low, high };
  });
  return { step, shares, clades, layers };
}

/** The clade at a step and a height from 0 to 1; -1: there is none. */
export function cladeAt(stack: Stack, step: number, height: number): number {
  const i = nearestBin(stack.step, step);
  for (const { clade, low, high } of stack.layers)
    if (height >= (low[i] as number) && height <= (high[i] as number) && (high[i] as number) > (low[i] as number))
      return clade;
  return -1;
}

export function nearestBin(step: Column, at: number): number {
  let [low, high] = [0, Math.max(0, step.length - 1)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((step[middle] as number) < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - (step[low - 1] as number) < (step[low] as number) - at ? low - 1 : low;
}

/** `lit`: a clade that stands out, the others fade; -1: none does. */
export function drawStack(pen: Pen, stack: Stack, x: Scale, y: Scale, area: Area, theme: Theme, lit = -1): void {
  const n = stack.clades.length;
  pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
    for (const { clade, low, high } of stack.layers)
      drawBand(pen, stack.step, low, high, x, y, {
        color: clade === n ? theme.colours.band : hueOf(clade, n, theme),
        opacity: clade === n ? 0.35 : lit < 0 || lit === clade ? 0.85 : 0.4,
      });
    for (const { low, high } of stack.layers)
      for (const line of [low, high]) drawLine(pen, stack.step, line, x, y, { color: theme.colours.paper, width: 1 });
  });
}

/** Pixels that a name needs. */
const TALL = 15;

/** The members' numbers, each where its clade is widest, if there is room. */
export function drawCladeNames(pen: Pen, stack: Stack, x: Scale, y: Scale, area: Area, { dark }: Theme): void {
  for (let k = 0; k < stack.clades.length; k += 1) {
    let best: { x: number; y: number; tall: number } | null = null;
    for (const { clade, low, high } of stack.layers) {
      if (clade !== k) continue;
      for (let i = 0; i < low.length; i += 1) {
        const at = x.of(stack.step[i] as number);
        if (at < area.left + 24 || at > area.right - 24) continue;
        const tall = y.of(low[i] as number) - y.of(high[i] as number);
        if (tall > (best?.tall ?? TALL))
          best = { x: at, y: (y.of(low[i] as number) + y.of(high[i] as number)) / 2, tall };
      }
    }
    if (best)
      pen.text(String(stack.clades[k]?.member), best.x, best.y, {
        color: dark ? "#101214" : "#ffffff",
        align: "center",
        baseline: "middle",
        bold: true,
        size: 12,
      });
  }
}
