/** Numbers, steps and times as people read them. */

import { type Num, real, type Value } from "../api/shapes";

const WHOLE = new Intl.NumberFormat("en-US");
const NONE = "–";

/** A score or a hyperparameter with up to 4 digits, and with those that tell it from 1. */
export function number(value: Num | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return NONE;
  const x = real(value);
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x > 0.99 && x < 1) return trimmed(x.toPrecision(Math.min(16, 2 - Math.floor(Math.log10(1 - x)))));
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return exponential(x, digits);
  if (Number.isInteger(x)) return signed(WHOLE.format(x));
  if (size >= 10 ** (digits - 1)) return signed(WHOLE.format(Math.round(x)));
  return signed(trimmed(x.toPrecision(digits)));
}

function exponential(x: number, digits: number): string {
  const [mantissa = "", exponent = ""] = x.toExponential(digits - 1).split("e");
  return signed(`${trimmed(mantissa)}e${exponent.replace("+", "")}`);
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function signed(text: string): string {
  return text.replaceAll("-", "−");
}

/** A value of any kind. */
export function value(of: Value | undefined): string {
  if (typeof of === "number") return number(of);
  return of === null || of === undefined ? NONE : String(of);
}

/** A whole number: steps, members, reports. */
export function count(n: number): string {
  return WHOLE.format(Math.round(n));
}

/** A count in little room: 12,000 is 12k. */
export function brief(n: number): string {
  const size = Math.abs(n);
  for (const [unit, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const)
    if (size >= 10 * unit || (size >= unit && n % (unit / 10) === 0))
      return `${trimmed((n / unit).toPrecision(4))}${letter}`;
  return count(n);
}

/** "1 member", "8 members". */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

/** A time that has passed, in seconds, as its largest unit: "3 min". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return NONE;
  for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return "0 s";
}

/** How long ago, for a moment in seconds since 1970. */
export function ago(then: number | null, now = Date.now() / 1000): string {
  if (then === null) return NONE;
  const passed = now - then;
  return passed < 2 ? "just now" : `${duration(passed)} ago`;
}

/** A moment in seconds since 1970, in the reader's own time. */
export function moment(then: number | null): string {
  if (then === null) return NONE;
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" }).format(new Date(then * 1000));
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Text of a user's on one line: what can not be printed is shown as such, and of a long one the middle is left out. */
export function shortened(text: string, most = 40): string {
  const plain = [...text].map((c) => (/\p{C}/u.test(c) ? "\u{fffd}" : c));
  if (plain.length <= most) return plain.join("");
  const half = Math.floor(most / 2);
  return `${plain.slice(0, half).join("")}…${plain.slice(-(most - half - 1)).join("")}`;
}
