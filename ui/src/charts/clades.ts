/** Clades as nested areas (a plot after Muller, 1932): each stands before and after what descends from it. */

import { type Column, type Columns, column } from "../api/columns";
import type { Theme } from "../state/theme";
import type { Area } from "./axes";
import { hueOf, mixed, partsOf } from "./colouring";
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
  /** Where two clades meet; nan where a layer lies upon one of its own clade. */
  edges: Float64Array[];
  /** Where a layer lies upon one of its own clade. */
  seams: { clade: number; at: Float64Array }[];
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
  return { step, shares, clades, layers, ...boundaries(layers, step.length) };
}

function boundaries(layers: Stack["layers"], n: number): Pick<Stack, "edges" | "seams"> {
  const none = () => new Float64Array(n).fill(Number.NaN);
  const edges = layers.map(none);
  for (let i = 0; i < n; i += 1) {
    let below = -1;
    layers.forEach(({ clade, low, high }, k) => {
      if (!((high[i] as number) > (low[i] as number))) return;
      const edge = edges[below];
      if (edge && layers[below]?.clade !== clade) edge[i] = low[i] as number;
      below = k;
    });
  }
  const seams = layers.flatMap((first, k) => {
    const second = layers.find(({ clade }, other) => other > k && clade === first.clade);
    if (second === undefined) return [];
    const there = (i: number) => (first.high[i] ?? 0) > (first.low[i] ?? 0);
    const met = (i: number) => second.low[i] === first.high[i] && (there(i) || there(i - 1) || there(i + 1));
    return [{ clade: first.clade, at: none().map((_, i) => (met(i) ? (first.high[i] as number) : Number.NaN)) }];
  });
  return { edges, seams };
}

/** At a bin, from the bottom up, what of a clade lies together. */
function runs(stack: Stack, i: number): { clade: number; low: number; high: number }[] {
  const found: { clade: number; low: number; high: number }[] = [];
  for (const { clade, low, high } of stack.layers) {
    const [from, to] = [low[i] as number, high[i] as number];
    if (!(to > from)) continue;
    const last = found[found.length - 1];
    if (last?.clade === clade) last.high = to;
    else found.push({ clade, low: from, high: to });
  }
  return found;
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
  const { band, paper } = theme.colours;
  const colour = (k: number) =>
    k === n ? mixed(band, paper, 0.65) : mixed(hueOf(k, n, theme), paper, lit < 0 || lit === k ? 0.12 : 0.6);
  pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
    for (const { clade, low, high } of stack.layers)
      drawBand(pen, stack.step, low, high, x, y, { color: colour(clade) });
    for (const { clade, at } of stack.seams) drawLine(pen, stack.step, at, x, y, { color: colour(clade), width: 2 });
    for (const line of stack.edges) drawLine(pen, stack.step, line, x, y, { color: paper, width: 1 });
  });
}

/** Pixels that a name needs. */
const TALL = 15;

/** The members' numbers, each where its clade is widest, if there is room. */
export function drawCladeNames(pen: Pen, stack: Stack, x: Scale, y: Scale, area: Area, theme: Theme): void {
  const best = new Map<number, { x: number; y: number; tall: number }>();
  for (let i = 0; i < stack.step.length; i += 1) {
    const at = x.of(stack.step[i] as number);
    if (at < area.left + 24 || at > area.right - 24) continue;
    for (const { clade, low, high } of runs(stack, i)) {
      const tall = y.of(low) - y.of(high);
      if (tall > (best.get(clade)?.tall ?? TALL)) best.set(clade, { x: at, y: (y.of(low) + y.of(high)) / 2, tall });
    }
  }
  for (const [k, place] of best) {
    const clade = stack.clades[k];
    if (clade === undefined) continue;
    pen.text(String(clade.member), place.x, place.y, {
      color: bright(hueOf(k, stack.clades.length, theme)) ? "#101214" : "#ffffff",
      align: "center",
      baseline: "middle",
      bold: true,
      size: 12,
    });
  }
}

function bright(hex: string): boolean {
  const [r, g, b] = partsOf(hex);
  return 0.3 * r + 0.59 * g + 0.11 * b > 140;
}
