/** The scale, the marks and the numbers of one hyperparameter over steps. */

import { type Column, type Columns, column } from "../api/columns";
import type { Domain, Value } from "../api/shapes";
import { number, percent, shortened, value as valueText } from "../parts/format";
import type { Key } from "../parts/legend";
import type { Cell, Table } from "../parts/table";
import type { Theme } from "../state/theme";
import { type Area, crisp } from "./axes";
import { drawBand, drawLine, drawStairs, heldAt, lastOf, valueAt } from "./curves";
import { percents } from "./labels";
import type { Pen } from "./pen";
import { css, shade } from "./ramp";
import { linear, padded, ranged, type Scale } from "./scale";
import { spanning } from "./unit";

export interface Panel {
  keys(theme: Theme): Key[];
  table(): Table;
  /** A sentence on how it stands. */
  sentence: string;
  scale(area: Area): Scale;
  draw(pen: Pen, x: Scale, y: Scale, area: Area, theme: Theme): void;
}

type Range = Extract<Domain, { kind: "float" | "int" }>;
type Listed = Extract<Domain, { kind: "ordinal" | "choice" }>;

export function panelOf(name: string, domain: Domain, data: Columns): Panel | null {
  if (domain.kind === "constant") return null;
  return domain.kind === "float" || domain.kind === "int" ? range(name, domain, data) : shares(name, domain, data);
}

/** A hyperparameter's domain in words. */
export function domainText(domain: Domain): string {
  if (domain.kind === "constant") return `always ${valueText(domain.value)}`;
  const fixed = domain.explore ? "" : ", not explored";
  if ("values" in domain)
    return `${domain.values.length} ${domain.kind === "ordinal" ? "values in order" : "choices"}${fixed}`;
  const log = domain.log === "1-x" ? ", log of 1 − x" : domain.log ? ", log" : "";
  return `${number(domain.min)} to ${number(domain.max)}${log}${fixed}`;
}

const BANDS = ["q05", "q25", "q50", "q75", "q95"];

function range(name: string, domain: Range, data: Columns): Panel {
  const step = column(data, "step");
  const [q05, q25, q50, q75, q95] = BANDS.map((q) => column(data, `h/${name}/${q}`)) as [
    Column,
    Column,
    Column,
    Column,
    Column,
  ];
  const best = { step: column(data, `best/${name}/step`), value: column(data, `best/${name}/value`) };
  const now = best.value[best.value.length - 1];
  return {
    sentence: `${name} over steps, ${domainText(domain)}. ${now === undefined ? "" : `The best lineage ends at ${number(now)}. `}Median of all members at the end: ${number(lastOf(q50))}.`,
    scale: (area) => ranged(domain.log, shown(domain, [q05, q95, best.value]), [area.bottom, area.top]),
    keys: ({ colours }) => [
      {
        text: "best lineage",
        mark: "line",
        color: colours.accent,
        at: (s) => number(heldAt(best.step, best.value, s)),
      },
      { text: "median", mark: "thin", color: colours.ink, at: (s) => number(valueAt(step, q50, s)) },
    ],
    table: () => ({
      columns: ["step", "best lineage", "5 %", "25 %", "median", "75 %", "95 %"],
      rows: Array.from(step, (at, i) => [
        at,
        heldAt(best.step, best.value, at),
        ...cells([q05, q25, q50, q75, q95], i),
      ]),
    }),
    draw(pen, x, y, area, { colours }) {
      for (const bound of [domain.min, domain.max]) {
        const at = y.of(bound);
        if (!(at >= area.top - 0.5 && at <= area.bottom + 0.5)) continue;
        pen.begin();
        pen.move(area.left, crisp(at));
        pen.line(area.right, crisp(at));
        pen.stroke({ color: colours.faint, dash: [4, 3] });
      }
      pen.clip(area.left, area.top - 2, area.right - area.left, area.bottom - area.top + 4, () => {
        drawBand(pen, step, q05, q95, x, y, { color: colours.band, opacity: 0.28 });
        drawBand(pen, step, q25, q75, x, y, { color: colours.band, opacity: 0.5 });
        drawLine(pen, step, q50, x, y, { color: colours.ink, width: 1.1 }, true);
        drawStairs(pen, best.step, best.value, x, y, { color: colours.accent, width: 2.2 });
      });
    },
  };
}

/** Bounds and all values, unless the values lie in a small part between the bounds. */
function shown(bounds: Range, columns: Column[]): [number, number] {
  let domain = bounds;
  for (const values of columns) domain = spanning(domain, values);
  const unit = ranged(domain.log, [domain.min, domain.max], [0, 1]);
  let [low, high] = [1, 0];
  for (const values of columns)
    for (const value of values) {
      const at = unit.of(value);
      if (at < low) low = at;
      if (at > high) high = at;
    }
  if (domain.min === domain.max) return padded(domain.min, domain.max);
  if (!(high - low < 0.4) || high < low) [low, high] = [0, 1];
  const room = Math.max(0.06 * (high - low), 0.01);
  const [from, to] = [unit.back(low - room), unit.back(high + room)];
  return domain.log === true ? [Math.max(from, domain.min * 0.5), to] : [from, to];
}

function shares(name: string, domain: Listed, data: Columns): Panel {
  const step = column(data, "step");
  const parts = domain.values.map((_, i) => column(data, `h/${name}/share/${i}`));
  const best = { step: column(data, `best/${name}/step`), value: column(data, `best/${name}/value`) };
  const tops = stacked(step, parts);
  const now = domain.values[best.value[best.value.length - 1] ?? -1];
  const said = domain.values.map((value, i) => `${valueText(value)} ${percent(lastOf(parts[i] ?? step) || 0)}`);
  return {
    sentence: `${name}: the share of members that use each value. ${now === undefined ? "" : `The best lineage ends with ${valueText(now)}. `}At the end: ${said.slice(0, 8).join(", ")}.`,
    scale: (area) => linear([0, 1], [area.bottom, area.top], percents),
    keys: (theme) => [
      { text: "best lineage", mark: "line", color: theme.colours.accent },
      ...domain.values.slice(0, MOST).map(
        (value, i): Key => ({
          text: label(value),
          mark: "area",
          color: hue(domain, i, theme),
          at: (s) => {
            const share = valueAt(step, parts[i] ?? step, s);
            return Number.isNaN(share) ? "–" : percent(share);
          },
        }),
      ),
    ],
    table: () => ({
      columns: ["step", "best lineage", ...domain.values.map((value) => label(value))],
      rows: Array.from(step, (at, i) => {
        const held = domain.values[heldAt(best.step, best.value, at)];
        return [at, held === undefined ? null : valueText(held), ...cells(parts, i)];
      }),
    }),
    draw(pen, x, y, area, theme) {
      pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
        domain.values.forEach((_, i) => {
          const [low, high] = [tops[i], tops[i + 1]];
          if (low && high) drawBand(pen, step, low, high, x, y, { color: hue(domain, i, theme), opacity: 0.8 });
        });
        for (const line of tops.slice(1, -1))
          drawLine(pen, step, line as Float64Array, x, y, { color: theme.colours.paper, width: 1 }, true);
        const middles = Array.from(best.step, (at, i) => {
          const place = best.value[i] as number;
          const [low, high] = [tops[place], tops[place + 1]];
          return low && high ? (valueAt(step, low, at) + valueAt(step, high, at)) / 2 : 0;
        });
        drawStairs(pen, best.step, middles, x, y, { color: theme.colours.paper, width: 4.5 });
        drawStairs(pen, best.step, middles, x, y, { color: theme.colours.accent, width: 2.2 });
      });
    },
  };
}

/** Values that have a colour of their own in the legend. */
const MOST = 8;

/** Along a scale of shades where values have an order; else categories. */
function hue(domain: Listed, i: number, theme: Theme): string {
  const n = domain.values.length;
  if (domain.kind === "ordinal") return css(shade(n > 1 ? 0.15 + (0.7 * i) / (n - 1) : 0.5, theme.dark));
  return i < MOST ? (theme.hues[i] ?? theme.colours.faint) : theme.colours.faint;
}

function label(value: Value): string {
  return shortened(valueText(value), 24);
}

/** The lines between stacked shares, from the bottom, n + 1 for n values; what is missing stays as it was. */
function stacked(step: Column, parts: Column[]): Float64Array[] {
  const tops = Array.from({ length: parts.length + 1 }, () => new Float64Array(step.length).fill(Number.NaN));
  for (let i = 0; i < step.length; i += 1) {
    if (!Number.isFinite(parts[0]?.[i])) continue;
    let sum = 0;
    tops.forEach((top, k) => {
      top[i] = sum;
      sum += parts[k]?.[i] ?? 0;
    });
  }
  return tops;
}

function cells(columns: Column[], i: number): Cell[] {
  return columns.map((values) => values[i] ?? null);
}
