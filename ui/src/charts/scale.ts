/** Scales from values to pixels, with ticks that people read. */

import { scaleLinear, scaleLog } from "d3-scale";
import { number } from "../parts/format";
import { axisLabels } from "./labels";

export interface Tick {
  at: number;
  label: string;
}

export interface Scale {
  low: number;
  high: number;
  /** Pixel of a value. */
  of(value: number): number;
  /** Value at a pixel. */
  back(pixel: number): number;
  /** About `n` of them. */
  ticks(n: number): Tick[];
}

type Ends = readonly [number, number];

type Labels = (values: readonly number[]) => string[];

function ticked(values: readonly number[], of: (value: number) => number, labels: Labels = axisLabels): Tick[] {
  const said = labels(values);
  return values.map((value, i) => ({ at: of(value), label: said[i] ?? "" }));
}

export function linear([low, high]: Ends, pixels: Ends, labels?: Labels): Scale {
  const scale = scaleLinear([low, high], pixels);
  const ticks = (n: number) => ticked(scale.ticks(n), scale, labels);
  return { low, high, of: scale, back: (pixel) => scale.invert(pixel), ticks };
}

/** Whole steps. */
export function steps(domain: Ends, pixels: Ends): Scale {
  const whole = scaleLinear(domain, pixels);
  return { ...linear(domain, pixels), ticks: (n) => ticked(whole.ticks(n).filter(Number.isInteger), whole) };
}

export function logarithmic([low, high]: Ends, pixels: Ends): Scale {
  const scale = scaleLog([low, high], pixels);
  const ticks = (n: number) => {
    const decades = Math.log10(high / low);
    if (decades < 1) return ticked(scaleLinear([low, high], pixels).ticks(n), scale);
    const factors = decades > n ? [1] : decades > n / 2 ? [1, 3] : [1, 2, 5];
    const every = Math.max(1, Math.ceil(decades / n));
    const found: Tick[] = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      if (power % every !== 0) continue;
      for (const factor of factors) {
        const value = Number(`${factor}e${power}`);
        if (value >= low * 0.999 && value <= high * 1.001) found.push(...ticked([value], scale));
      }
    }
    return found;
  };
  return { low, high, of: scale, back: (pixel) => scale.invert(pixel), ticks };
}

/** Characters of a number near 1 above which only its distance from 1 is written. */
const LONG = 7;

/** The logarithmic scale of 1 - x, for values near 1. */
export function nearOne([low, high]: Ends, pixels: Ends): Scale {
  const least = 1e-16;
  const inner = logarithmic([Math.max(least, 1 - high), Math.max(2 * least, 1 - low)], [pixels[1], pixels[0]]);
  const ticks = (n: number) =>
    inner.ticks(n).map(({ at, label }) => {
      const written = number(1 - inner.back(at));
      return { at, label: written.length > LONG ? `1−${label}` : written };
    });
  return { low, high, of: (x) => inner.of(Math.max(least, 1 - x)), back: (pixel) => 1 - inner.back(pixel), ticks };
}

/** The scale of a domain that is a range. */
export function ranged(log: boolean | "1-x", domain: Ends, pixels: Ends): Scale {
  return log === "1-x" ? nearOne(domain, pixels) : log ? logarithmic(domain, pixels) : linear(domain, pixels);
}

/** Both ends with some room around them; never of no height. */
export function padded(low: number, high: number, share = 0.05): [number, number] {
  const room = (high - low) * share || Math.abs(high) * 0.05 || 0.5;
  return [low - room, high + room];
}
