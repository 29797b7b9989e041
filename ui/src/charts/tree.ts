/** The family tree: records in rows, found by pixel and by key, and drawn. */

import { type Column, type Columns, column } from "../api/columns";
import { count } from "../parts/format";
import type { Theme } from "../state/theme";
import { type Area, crisp } from "./axes";
import type { Colouring } from "./colouring";
import type { Pen } from "./pen";
import { beside, reserve } from "./room";
import type { Scale } from "./scale";

/** What a record is, as `pbt/views/tree.py` says it. */
export const KIND = { top: 1, leaf: 2, wedge: 4, rest: 8, taken: 16, several: 32 } as const;

export interface Clade {
  member: number;
  step: number;
  entry: number;
  /** The clade that it is within; -1: none that is told. */
  within: number;
  living: number;
}

export interface Tree {
  member: Column;
  parent: Column;
  row: Column;
  begin: Column;
  end: Column;
  kind: Column;
  living: Column;
  entry: Column;
  score: Column;
  clade: Column;
  value: Column;
  bin: Column;
  extinct: Column;
  rows: number;
  leaves: number;
  segments: number;
  clades: Clade[];
  maximize: boolean;
  /** The places of the records of each row, by their steps. */
  byRow: number[][];
  /** The place of each living member's own record. */
  leafOf: Map<number, number>;
  children: Map<number, number[]>;
}

export function treeOf(data: Columns): Tree {
  const of = (name: string) => column(data, name);
  const meta = data.meta as { rows: number; leaves: number; segments: number; clades: Clade[]; maximize: boolean };
  const byRow: number[][] = Array.from({ length: meta.rows }, () => []);
  const leafOf = new Map<number, number>();
  const children = new Map<number, number[]>();
  const [row, kind, member, parent] = [of("row"), of("kind"), of("member"), of("parent")];
  for (let i = 0; i < row.length; i += 1) {
    byRow[row[i] as number]?.push(i);
    if ((kind[i] as number) & KIND.leaf) leafOf.set(member[i] as number, i);
    const of = parent[i] as number;
    if (of >= 0) children.set(of, [...(children.get(of) ?? []), i]);
  }
  return {
    member,
    parent,
    row,
    begin: of("begin"),
    end: of("end"),
    kind,
    living: of("living"),
    entry: of("entry"),
    score: of("score"),
    clade: of("clade"),
    value: of("value"),
    bin: of("bin"),
    extinct: of("extinct"),
    rows: meta.rows,
    leaves: meta.leaves,
    segments: meta.segments,
    clades: meta.clades,
    maximize: meta.maximize,
    byRow,
    leafOf,
    children,
  };
}

/** Where rows lie: the first, which is the lineage on top, has some room below it. */
export interface Rows {
  pitch: number;
  of(row: number): number;
  at(pixel: number): number;
}

const APART = 9;

export function rowsOf(tree: Tree, area: Area): Rows {
  const pitch = Math.min(20, (area.bottom - area.top - 2 * APART) / Math.max(1, tree.rows));
  const first = area.top + Math.max(6, pitch / 2);
  return {
    pitch,
    of: (row) => first + row * pitch + (row > 0 ? APART : 0),
    at: (pixel) => {
      const row = (pixel - first) / pitch;
      return row < 0.5 ? 0 : Math.round((pixel - first - APART) / pitch);
    },
  };
}

const NEAR = 7;

/** The record at a point of the picture; -1: none is near. */
export function recordAt(tree: Tree, rows: Rows, x: Scale, px: number, py: number): number {
  const step = x.back(px);
  const slack = Math.abs(x.back(px + NEAR) - step);
  const middle = rows.at(py);
  let found = -1;
  let best = Math.max(6, rows.pitch);
  for (let row = middle - 2; row <= middle + 2; row += 1)
    for (const i of tree.byRow[row] ?? []) {
      if (step < (tree.begin[i] as number) - slack || step > (tree.end[i] as number) + slack) continue;
      const away = Math.abs(rows.of(row) - py);
      if (away < best) [best, found] = [away, i];
    }
  return found;
}

/** A record and all that it descends from, from itself up. */
export function ancestry(tree: Tree, at: number): number[] {
  const found: number[] = [];
  for (let i = at; i >= 0; i = tree.parent[i] as number) found.push(i);
  return found;
}

/** Where an arrow key leads from a record: along its row, or to the nearest row at the same step. -1: nowhere. */
export function walked(tree: Tree, from: number, key: string): number {
  const inRow = tree.byRow[tree.row[from] as number] ?? [];
  const place = inRow.indexOf(from);
  if (key === "ArrowLeft") return place > 0 ? (inRow[place - 1] as number) : (tree.parent[from] as number);
  if (key === "ArrowRight") return inRow[place + 1] ?? tree.children.get(from)?.[0] ?? -1;
  const way = key === "ArrowUp" ? -1 : key === "ArrowDown" ? 1 : 0;
  const step = ((tree.begin[from] as number) + (tree.end[from] as number)) / 2;
  for (let row = (tree.row[from] as number) + way; way !== 0 && row >= 0 && row < tree.rows; row += way) {
    const there = tree.byRow[row] ?? [];
    const over = there.find((i) => (tree.begin[i] as number) <= step && step <= (tree.end[i] as number));
    if (over !== undefined) return over;
    if (there.length) return there[0] as number;
  }
  return -1;
}

const LEVELS = 24;
const WIDTHS = [1.2, 1.8, 2.6, 3.6, 5, 7];

/** How wide a record is drawn: by who descends from it, as far as its row has room. */
export function widthOf(tree: Tree, i: number, pitch: number): number {
  const most = (tree.kind[i] as number) & KIND.top ? Math.max(3, Math.min(7, pitch)) : Math.max(1.2, 0.8 * pitch);
  const wanted = 1.2 + 0.75 * Math.log2(Math.max(1, tree.living[i] as number));
  return WIDTHS.findLast((width) => width <= Math.min(wanted, most)) ?? WIDTHS[0] ?? 1;
}

/** All records: those of one colour and width in one path. */
export function drawTree(
  pen: Pen,
  tree: Tree,
  rows: Rows,
  x: Scale,
  area: Area,
  colouring: Colouring,
  { colours }: Theme,
) {
  const groups = new Map<string, number[]>();
  const risers = new Map<string, number[]>();
  const put = (into: Map<string, number[]>, key: string, i: number) => {
    const group = into.get(key);
    if (group) group.push(i);
    else into.set(key, [i]);
  };
  for (let i = 0; i < tree.row.length; i += 1) {
    if ((tree.begin[i] as number) > x.high || (tree.end[i] as number) < x.low) continue;
    const level = colouring.level(i, LEVELS);
    put(groups, `${level}:${widthOf(tree, i, rows.pitch)}`, i);
    const parent = tree.parent[i] as number;
    if (parent >= 0 && tree.row[parent] !== tree.row[i]) put(risers, String(level), i);
  }
  pen.clip(area.left - 3, area.top - 2, area.right - area.left + 6, area.bottom - area.top + 4, () => {
    for (const [level, places] of risers) {
      pen.begin();
      for (const i of places) {
        const at = crisp(x.of(tree.begin[i] as number));
        pen.move(at, rows.of(tree.row[tree.parent[i] as number] as number));
        pen.line(at, rows.of(tree.row[i] as number));
      }
      pen.stroke({ color: colouring.of(Number(level), LEVELS), width: 0.8, opacity: 0.5 });
    }
    for (const [key, places] of groups) {
      const [level, width] = key.split(":").map(Number) as [number, number];
      drawRows(pen, tree, rows, x, places, colouring.of(level, LEVELS), width);
    }
    drawTop(pen, tree, rows, x, colours.accent);
    if (rows.pitch >= 7) drawMarks(pen, tree, rows, x, colours.paper, colours.soft);
  });
}

function drawRows(pen: Pen, tree: Tree, rows: Rows, x: Scale, places: number[], color: string, width: number): void {
  pen.begin();
  for (const i of places) {
    if ((tree.kind[i] as number) & KIND.wedge) continue;
    const [from, to] = [x.of(tree.begin[i] as number), x.of(tree.end[i] as number)];
    pen.move(from, rows.of(tree.row[i] as number));
    pen.line(Math.max(to, from + 1.5), rows.of(tree.row[i] as number));
  }
  pen.stroke({ color, width });
  pen.begin();
  const half = Math.max(1.2, 0.42 * rows.pitch);
  for (const i of places) {
    if (!((tree.kind[i] as number) & KIND.wedge)) continue;
    const [from, to] = [x.of(tree.begin[i] as number), x.of(tree.end[i] as number)];
    const y = rows.of(tree.row[i] as number);
    pen.move(from, y);
    pen.line(Math.max(to, from + 3), y - half);
    pen.line(Math.max(to, from + 3), y + half);
    pen.line(from, y);
  }
  pen.fill({ color, opacity: 0.75 });
}

/** The lineage on top, straight, in the accent. */
function drawTop(pen: Pen, tree: Tree, rows: Rows, x: Scale, color: string): void {
  pen.begin();
  for (const i of tree.byRow[0] ?? []) {
    if (!((tree.kind[i] as number) & KIND.top)) continue;
    pen.move(x.of(tree.begin[i] as number), rows.of(0));
    pen.line(x.of(tree.end[i] as number), rows.of(0));
  }
  pen.stroke({ color, width: 3 });
}

const CLOSE = 9;

/** ○ where weights were taken over, unless too many lie side by side. */
function drawMarks(pen: Pen, tree: Tree, rows: Rows, x: Scale, paper: string, ink: string): void {
  pen.begin();
  for (const inRow of tree.byRow) {
    let last = Number.NEGATIVE_INFINITY;
    for (const i of inRow) {
      if (!((tree.kind[i] as number) & KIND.taken)) continue;
      const at = x.of(tree.begin[i] as number);
      if (at - last < CLOSE || at < -CLOSE) continue;
      last = at;
      pen.circle(at, rows.of(tree.row[i] as number), Math.min(3, rows.pitch / 3));
    }
  }
  pen.fill({ color: paper });
  pen.stroke({ color: ink, width: 1.1 });
}

/** A record's lineage, over all else. `aside`: but not over the lineage on top. */
export function drawLineage(
  pen: Pen,
  tree: Tree,
  rows: Rows,
  x: Scale,
  area: Area,
  at: number,
  color: string,
  width = 2.4,
  aside = false,
) {
  pen.clip(area.left - 3, area.top - 4, area.right - area.left + 6, area.bottom - area.top + 8, () => {
    pen.begin();
    let end = tree.end[at] as number;
    for (const i of ancestry(tree, at)) {
      if (aside && (tree.kind[i] as number) & KIND.top) break;
      const y = rows.of(tree.row[i] as number);
      pen.move(x.of(end), y);
      pen.line(x.of(tree.begin[i] as number), y);
      const parent = tree.parent[i] as number;
      if (parent >= 0) pen.line(x.of(tree.begin[i] as number), rows.of(tree.row[parent] as number));
      end = tree.begin[i] as number;
    }
    pen.stroke({ color, width });
  });
}

/** Members' numbers at the ends of their rows, where rows are far enough apart. */
export function drawNames(pen: Pen, tree: Tree, rows: Rows, x: Scale, area: Area, { colours }: Theme): void {
  if (rows.pitch < 10) return;
  for (const inRow of tree.byRow) {
    const i = inRow.at(-1);
    if (i === undefined) continue;
    const kind = tree.kind[i] as number;
    const at = Math.min(area.right, x.of(tree.end[i] as number)) + 7;
    const text = kind & KIND.wedge ? `×${tree.living[i]}` : String(tree.member[i]);
    const top = kind & KIND.top || (tree.row[i] === 0 && (tree.kind[inRow[0] as number] as number) & KIND.top);
    if (at > area.left) {
      reserve("right", text, { bold: Boolean(top) });
      const y = rows.of(tree.row[i] as number);
      pen.text(text, at, y, { color: top ? colours.accent : colours.soft, baseline: "middle", bold: Boolean(top) });
    }
  }
}

/** How many segments without a living descendant there were at each step, as a grey area. */
export function drawExtinct(pen: Pen, tree: Tree, x: Scale, area: Area, { colours }: Theme): void {
  let most = 1;
  for (const n of tree.extinct) most = Math.max(most, n);
  const y = (n: number) => area.bottom - (n / most) * (area.bottom - area.top);
  pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
    pen.begin();
    const n = tree.bin.length;
    const half = n > 1 ? ((tree.bin[1] as number) - (tree.bin[0] as number)) / 2 : 0.5;
    pen.move(x.of((tree.bin[0] ?? 0) - half), area.bottom);
    for (let i = 0; i < n; i += 1) {
      pen.line(x.of((tree.bin[i] as number) - half), y(tree.extinct[i] as number));
      pen.line(x.of((tree.bin[i] as number) + half), y(tree.extinct[i] as number));
    }
    pen.line(x.of((tree.bin[n - 1] ?? 0) + half), area.bottom);
    pen.fill({ color: colours.band, opacity: 0.55 });
  });
  beside(pen, "left", area, count(most), area.top, { color: colours.soft, baseline: "top" });
}
