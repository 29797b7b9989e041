/** What marks of a family are coloured by: the score, a hyperparameter, or the clade. */

import type { Column } from "../api/columns";
import type { Domain } from "../api/shapes";
import { number, shortened, value as text } from "../parts/format";
import type { Key } from "../parts/legend";
import type { Theme } from "../state/theme";
import { css, shade } from "./ramp";
import { ranged } from "./scale";

export interface Colouring {
  /** A mark's colour as one of `n` levels, and a level's colour. */
  level(i: number, n: number): number;
  of(level: number, n: number): string;
  keys: Key[];
}

/** Shares of the finite values beyond which they have the first and the last colour. */
const SPREAD = 0.02;
/** Of scores, at the worse end: beginnings must not make all that came later alike. */
const BEGINNINGS = 0.15;

export function endsOf(values: Column, below = SPREAD, above = SPREAD): [number, number] {
  const finite = Float64Array.from(Array.from(values).filter(Number.isFinite)).sort();
  const at = (share: number) => finite[Math.round(share * (finite.length - 1))] ?? 0;
  if (finite.length === 0) return [0, 1];
  return at(below) < at(1 - above) ? [at(below), at(1 - above)] : [at(0), at(1)];
}

/** From where to where colours go. The outermost colours are also those of what lies beyond: then it is said. */
export function rangeText(ends: readonly string[], beyond: readonly [below: boolean, above: boolean]): string {
  return `${beyond[0] ? "≤ " : ""}${ends[0]} to ${beyond[1] ? "≥ " : ""}${ends[1]}`;
}

/** Of scores. */
export function scoreEnds(values: Column, maximize: boolean): [number, number] {
  return maximize ? endsOf(values, BEGINNINGS, SPREAD) : endsOf(values, SPREAD, BEGINNINGS);
}

/** By numbers along a scale of shades; `back`: the lowest are the best. */
export function byNumber(
  values: Column,
  [low, high]: readonly [number, number],
  theme: Theme,
  back = false,
  log: boolean | "1-x" = false,
  label: (x: number) => string = number,
): Colouring {
  const usable = log !== true || low > 0;
  const scale = ranged(usable ? log : false, [low, high], [0, 1]);
  const share = (x: number) => (high > low ? Math.min(1, Math.max(0, scale.of(x))) : 0.7);
  const turned = (part: number) => (back ? 1 - part : part);
  const shadeOf = (part: number) => css(shade(0.12 + 0.88 * part, theme.dark));
  return {
    level: (i, n) => {
      const x = values[i] as number;
      return Number.isFinite(x) ? Math.round(turned(share(x)) * (n - 1)) : -1;
    },
    of: (level, n) => (level < 0 ? theme.colours.faint : shadeOf(level / (n - 1))),
    keys: values.some(Number.isFinite)
      ? [
          {
            text: rangeText([label(low), label(high)], [values.some((x) => x < low), values.some((x) => x > high)]),
            mark: "ramp",
            color: shadeOf(turned(0)),
            end: shadeOf(turned(1)),
          },
        ]
      : [],
  };
}

/** Clades and choices: hues, and grey for what is beyond. */
export function byKind(values: Column, names: readonly string[], theme: Theme, others = ""): Colouring {
  const hue = (k: number) => hueOf(k, names.length, theme);
  return {
    level: (i) => (Number.isFinite(values[i]) ? Math.round(values[i] as number) : -1),
    of: hue,
    keys: [
      ...names.slice(0, KEYS).map((name, k): Key => ({ text: name, mark: "area", color: hue(k) })),
      ...(others ? [{ text: others, mark: "area", color: theme.colours.faint } as const] : []),
    ],
  };
}

const KEYS = 6;
const HUES = 8;

/** The hue of one of `n` kinds; a second round of hues is lighter or darker. */
export function hueOf(k: number, n: number, { hues, colours, dark }: Theme): string {
  if (k < 0 || k >= n) return colours.faint;
  const hue = hues[k % HUES] ?? colours.faint;
  return k < HUES ? hue : mixed(hue, dark ? "#17191c" : "#ffffff", 0.45);
}

/** The parts of a colour as #rrggbb or #rgb, from 0 to 255. */
export function partsOf(hex: string): [number, number, number] {
  const long = hex.length === 4 ? [...hex].map((c, i) => (i ? c + c : c)).join("") : hex;
  return [1, 3, 5].map((i) => Number.parseInt(long.slice(i, i + 2), 16) || 0) as [number, number, number];
}

/** A colour on the way from one to another. */
export function mixed(a: string, b: string, share: number): string {
  const [from, to] = [partsOf(a), partsOf(b)];
  const hex = from.map((x, i) =>
    Math.round(x + ((to[i] ?? x) - x) * share)
      .toString(16)
      .padStart(2, "0"),
  );
  return `#${hex.join("")}`;
}

/** By a hyperparameter, as its domain asks for. */
export function byDomain(values: Column, domain: Domain, theme: Theme): Colouring {
  if (domain.kind === "constant") return byKind(values, [], theme);
  if (domain.kind === "float" || domain.kind === "int")
    return byNumber(values, endsOf(values), theme, false, domain.log);
  const names = domain.values.map((value) => shortened(text(value), 18));
  if (domain.kind === "choice") return byKind(values, names, theme);
  const last = Math.max(1, names.length - 1);
  return byNumber(values, [0, last], theme, false, false, (x) => names[Math.round(x)] ?? "");
}
