/** The numbers and the marks of the chart of scores. */

import { type Column, type Columns, column } from "../api/columns";
import { counted, number } from "../parts/format";
import type { Key } from "../parts/legend";
import type { Table } from "../parts/table";
import type { Lit } from "../state/lit";
import type { Theme } from "../state/theme";
import type { Area } from "./axes";
import { type Curve, drawBand, drawCrosses, drawExploits, drawLine, valueAt, valueIn } from "./curves";
import type { Pen } from "./pen";
import { css, shade } from "./ramp";
import type { Raster } from "./raster";
import { beside } from "./room";
import { padded, type Scale } from "./scale";

export interface Scores {
  step: Column;
  bands: [Column, Column, Column, Column, Column];
  bad: Column;
  best: { step: Column; score: Column };
  maximize: boolean;
}

export function scoresOf(data: Columns): Scores {
  const of = (name: string) => column(data, name);
  return {
    step: of("step"),
    bands: [of("q05"), of("q25"), of("q50"), of("q75"), of("q95")],
    bad: of("bad"),
    best: { step: of("best_step"), score: of("best_score") },
    maximize: data.meta["maximize"] === true,
  };
}

/** How much larger than the middle of the scores all of them may spread before the outermost are cut off. */
const FAR = 6;

export interface Extent {
  /** null: no score is finite. */
  ends: [number, number] | null;
  /** Outermost scores are not drawn: all others would be a flat line. */
  cut: boolean;
}

/** The least and the greatest score that is drawn. */
export function extent(scores: Scores, curves: readonly Curve[]): Extent {
  const [q05, , , , q95] = scores.bands;
  const lows = finite([q05, scores.best.score, ...curves.map((curve) => curve.score)]);
  const highs = finite([q95, scores.best.score, ...curves.map((curve) => curve.score)]);
  if (lows.length === 0 || highs.length === 0) return { ends: null, cut: false };
  lows.sort();
  highs.sort();
  const at = (values: Float64Array, share: number) => values[Math.round(share * (values.length - 1))] as number;
  const [low, high] = [at(lows, 0), at(highs, 1)];
  const [inner, outer] = [at(lows, 0.03), at(highs, 0.97)];
  const most = (outer - inner) * FAR;
  const below = most > 0 && inner - low > most;
  const above = most > 0 && high - outer > most;
  return { ends: padded(below ? inner : low, above ? outer : high), cut: below || above };
}

function finite(columns: readonly Column[]): Float64Array {
  return Float64Array.from(columns.flatMap((values) => Array.from(values).filter(Number.isFinite)));
}

/** What is said where no score can be drawn: short, for a phone. */
export function noneText({ bad }: Scores): string {
  const n = Array.from(bad).reduce((sum, here) => sum + here, 0);
  return n > 0 ? `None of ${counted(n, "score")} is finite` : "No score in these steps";
}

export interface Shown {
  scores: Scores;
  raster: Raster | null;
  /** Every member, where they are few. */
  faint: readonly Curve[];
  lit: readonly (Curve & Lit)[];
}

export function drawScores(
  pen: Pen,
  { scores, raster, faint, lit }: Shown,
  x: Scale,
  y: Scale,
  area: Area,
  theme: Theme,
) {
  const { colours, hues } = theme;
  const [q05, q25, q50, q75, q95] = scores.bands;
  const edge = scores.maximize ? area.bottom - 4 : area.top + 4;
  pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
    if (raster) {
      const [left, right] = [x.of(raster.from - 0.5), x.of(raster.to + 0.5)];
      const [bottom, top] = [y.of(raster.low), y.of(raster.high)];
      pen.image(raster.image, left, top, right - left, Math.max(1, bottom - top));
      for (const line of [q05, q95])
        drawLine(pen, scores.step, line, x, y, { color: colours.ink, dash: [2, 3], opacity: 0.6 }, true);
      for (const line of [q25, q75]) drawLine(pen, scores.step, line, x, y, { color: colours.ink, opacity: 0.6 }, true);
    } else {
      drawBand(pen, scores.step, q05, q95, x, y, { color: colours.band, opacity: 0.22 });
      drawBand(pen, scores.step, q25, q75, x, y, { color: colours.band, opacity: 0.36 });
      for (const curve of faint)
        drawLine(pen, curve.step, curve.score, x, y, { color: colours["band-inner"], opacity: 0.45 });
    }
    drawLine(
      pen,
      scores.step,
      q50,
      x,
      y,
      { color: raster ? colours.paper : colours.ink, width: raster ? 3.6 : 1.3, opacity: raster ? 0.7 : 1 },
      true,
    );
    if (raster) drawLine(pen, scores.step, q50, x, y, { color: colours.ink, width: 1.4 }, true);
    drawLine(pen, scores.best.step, scores.best.score, x, y, { color: colours.paper, width: 4.5, opacity: 0.8 }, true);
    drawLine(pen, scores.best.step, scores.best.score, x, y, { color: colours.accent, width: 2.2 }, true);
  });
  pen.clip(area.left - 6, area.top - 6, area.right - area.left + 12, area.bottom - area.top + 12, () => {
    const bad = Array.from(scores.step).filter((_, i) => (scores.bad[i] ?? 0) > 0);
    drawCrosses(pen, bad, x, edge, colours.soft);
    for (const curve of lit) drawLit(pen, curve, x, y, edge, hues[curve.colour] ?? colours.ink, colours.paper);
  });
  drawLabels(pen, lit, x, y, area, theme);
}

function drawLit(pen: Pen, curve: Curve, x: Scale, y: Scale, edge: number, color: string, paper: string): void {
  drawLine(pen, curve.step, curve.score, x, y, { color: paper, width: 3.6, opacity: 0.8 });
  drawLine(pen, curve.step, curve.score, x, y, { color, width: 1.7 });
  drawExploits(pen, curve.exploits, x, y, color, paper);
  drawCrosses(pen, curve.bad, x, edge, color);
}

const LINE = 13;

/** The members' numbers at the ends of their lines, moved apart. */
function drawLabels(
  pen: Pen,
  lit: readonly (Curve & Lit)[],
  x: Scale,
  y: Scale,
  area: Area,
  { hues, colours }: Theme,
): void {
  const ends = lit.flatMap((curve) => {
    for (let i = curve.step.length - 1; i >= 0; i -= 1) {
      const [step, score] = [curve.step[i] as number, curve.score[i] as number];
      if (Number.isFinite(score) && step <= x.high)
        return [
          {
            id: curve.id,
            color: hues[curve.colour] ?? colours.ink,
            at: Math.min(area.bottom, Math.max(area.top, y.of(score))),
          },
        ];
    }
    return [];
  });
  ends.sort((a, b) => a.at - b.at);
  let free = area.top;
  for (const end of ends) {
    const at = Math.max(free, end.at);
    beside(pen, "right", area, String(end.id), at, { color: end.color, bold: true });
    free = at + LINE;
  }
}

/** `raster`: all reports are drawn as density, bands as lines over it. */
export function scoreKeys(scores: Scores, raster: boolean, faint: boolean, lit: boolean, theme: Theme): Key[] {
  const { colours, dark } = theme;
  const [q05, q25, q50, q75, q95] = scores.bands;
  const reading = (low: Column, high: Column) => (step: number) =>
    `${number(valueAt(scores.step, low, step), 3)}…${number(valueAt(scores.step, high, step), 3)}`;
  const bands: Key[] = raster
    ? [
        { text: "25–75 %", mark: "thin", color: colours.ink, opacity: 0.6, at: reading(q25, q75) },
        { text: "5–95 %", mark: "dotted", color: colours.ink, opacity: 0.6, at: reading(q05, q95) },
        { text: "few to many reports", mark: "ramp", color: css(shade(0.1, dark)), end: css(shade(1, dark)) },
      ]
    : [
        { text: "25–75 %", mark: "band", color: colours.band, opacity: 0.6, at: reading(q25, q75) },
        { text: "5–95 %", mark: "band", color: colours.band, opacity: 0.3, at: reading(q05, q95) },
      ];
  const best = (step: number) => number(valueAt(scores.best.step, scores.best.score, step));
  const keys: Key[] = [
    { text: "best lineage", mark: "line", color: colours.accent, at: best },
    { text: "median", mark: "thin", color: colours.ink, at: (step) => number(valueAt(scores.step, q50, step)) },
    ...bands,
  ];
  if (faint) keys.push({ text: "a member", mark: "thin", color: colours["band-inner"], opacity: 0.6 });
  if (lit) keys.push({ text: "exploit", mark: "exploit", color: colours.soft });
  if (scores.bad.some((n) => n > 0)) keys.push({ text: "not finite", mark: "cross", color: colours.soft });
  return keys;
}

export function scoreTable({ step: steps, best, bands, bad }: Scores, lit: readonly Curve[]): Table {
  const width = (steps[1] ?? 1) - (steps[0] ?? 0);
  return {
    columns: [
      "step",
      "best lineage",
      "5 %",
      "25 %",
      "median",
      "75 %",
      "95 %",
      "not finite",
      ...lit.map((c) => `member ${c.member}`),
    ],
    rows: Array.from(steps, (step, i) => [
      step,
      valueIn(best.step, best.score, step, width),
      ...bands.map((band) => band[i] ?? null),
      bad[i] ?? null,
      ...lit.map((curve) => valueIn(curve.step, curve.score, step, width)),
    ]),
  };
}
