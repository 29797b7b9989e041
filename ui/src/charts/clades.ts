/** Clades as nested areas (a plot after Muller, 1932): each stands before and after what descends from it. */

import { type Column, type Columns, column } from "../api/columns";
import type { Theme } from "../state/theme";
import type { Area } from "./axes";
import { hueOf, mixed, partsOf } from "./colouring";
import type { Pen } from "./pen";
import type { Scale } from "./scale";
import type { Clade } from "./tree";

interface Layer {
  clade: number;
  low: Float64Array;
  high: Float64Array;
}

export interface Stack {
  step: Column;
  shares: Column[];
  clades: Clade[];
  /** From the bottom: which clade each layer is of, and the layer's edges. */
  layers: Layer[];
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

function boundaries(layers: Layer[], n: number): Pick<Stack, "edges" | "seams"> {
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

/** All layers, each clade in its hue, with a line where two meet. */
export function drawStack(pen: Pen, stack: Stack, x: Scale, y: Scale, area: Area, theme: Theme): void {
  const { paper } = theme.colours;
  pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
    const at = Float64Array.from(stack.step, (step) => x.of(step));
    for (const layer of stack.layers) fillLayer(pen, layer, at, y, colourOf(stack, layer.clade, theme));
    for (const seam of stack.seams) {
      pen.begin();
      trace(pen, seam.at, at, y);
      pen.stroke({ color: colourOf(stack, seam.clade, theme), width: 2 });
    }
    pen.begin();
    for (const edge of stack.edges) trace(pen, edge, at, y);
    pen.stroke({ color: paper, width: 1 });
  });
}

/** One clade above all others, which fade. */
export function drawLitClade(
  pen: Pen,
  stack: Stack,
  clade: number,
  x: Scale,
  y: Scale,
  area: Area,
  theme: Theme,
): void {
  const { paper } = theme.colours;
  pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
    pen.rect(area.left, area.top, area.right - area.left, area.bottom - area.top, { color: paper, opacity: 0.6 });
    const at = Float64Array.from(stack.step, (step) => x.of(step));
    const color = colourOf(stack, clade, theme);
    for (const layer of stack.layers) if (layer.clade === clade) fillLayer(pen, layer, at, y, color);
    pen.begin();
    for (const seam of stack.seams) if (seam.clade === clade) trace(pen, seam.at, at, y);
    pen.stroke({ color, width: 2 });
  });
}

function colourOf({ clades }: Stack, k: number, theme: Theme): string {
  const { band, paper } = theme.colours;
  return k === clades.length ? mixed(band, paper, 0.65) : mixed(hueOf(k, clades.length, theme), paper, 0.12);
}

/** A layer where it has any height, from one bin before that to one after it. */
function fillLayer(pen: Pen, { low, high }: Layer, at: Float64Array, y: Scale, color: string): void {
  const tall = (i: number) => (high[i] ?? 0) > (low[i] ?? 0);
  const shown = (i: number) => Number.isFinite(low[i]) && (tall(i) || tall(i - 1) || tall(i + 1));
  pen.begin();
  for (let from = 0; from < at.length; from += 1) {
    if (!shown(from)) continue;
    let to = from;
    while (to + 1 < at.length && shown(to + 1)) to += 1;
    pen.move(at[from] as number, y.of(high[from] as number));
    for (let i = from + 1; i <= to; i += 1) pen.line(at[i] as number, y.of(high[i] as number));
    for (let i = to; i >= from; i -= 1) pen.line(at[i] as number, y.of(low[i] as number));
    from = to;
  }
  pen.fill({ color });
}

/** A line through what is finite. */
function trace(pen: Pen, height: Float64Array, at: Float64Array, y: Scale): void {
  let on = false;
  for (let i = 0; i < at.length; i += 1) {
    const value = height[i] as number;
    if (Number.isFinite(value)) {
      if (on) pen.line(at[i] as number, y.of(value));
      else pen.move(at[i] as number, y.of(value));
    }
    on = Number.isFinite(value);
  }
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
