/** Scales from values to pixels, with ticks that people read. */

import { scaleLinear, scaleLog } from "d3-scale";
import { brief, number } from "../parts/format";

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

export function linear([low, high]: Ends, pixels: Ends, label: (x: number) => string = number): Scale {
  const scale = scaleLinear([low, high], pixels);
  const ticks = (n: number) => scale.ticks(n).map((value) => ({ at: scale(value), label: label(value) }));
  return { low, high, of: scale, back: (pixel) => scale.invert(pixel), ticks };
}

/** Whole steps. */
export function steps(domain: Ends, pixels: Ends): Scale {
  const scale = linear(domain, pixels, brief);
  const whole = scaleLinear(domain, pixels);
  const ticks = (n: number) => {
    const found = whole.ticks(n).filter(Number.isInteger);
    return found.map((value) => ({ at: whole(value), label: brief(value) }));
  };
  return { ...scale, ticks };
}

export function logarithmic([low, high]: Ends, pixels: Ends): Scale {
  const scale = scaleLog([low, high], pixels);
  const ticks = (n: number) => {
    const decades = Math.log10(high / low);
    if (decades < 1)
      return linear([low, high], pixels)
        .ticks(n)
        .map(({ label }, i) => placed(low, high, n, i, label));
    const factors = decades > n ? [1] : decades > n / 2 ? [1, 3] : [1, 2, 5];
    const every = Math.max(1, Math.ceil(decades / n));
    const found: Tick[] = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      if (power % every !== 0) continue;
      for (const factor of factors) {
        const value = Number(`${factor}e${power}`);
        if (value >= low * 0.999 && value <= high * 1.001) found.push({ at: scale(value), label: number(value) });
      }
    }
    return found;
  };
  const placed = (a: number, b: number, n: number, i: number, label: string): Tick => {
    const value = scaleLinear([a, b], pixels).ticks(n)[i] ?? a;
    return { at: scale(value), label };
  };
  return { low, high, of: scale, back: (pixel) => scale.invert(pixel), ticks };
}

/** The logarithmic scale of 1 - x, for values near 1. */
export function nearOne([low, high]: Ends, pixels: Ends): Scale {
  const least = 1e-16;
  const inner = logarithmic([Math.max(least, 1 - high), Math.max(2 * least, 1 - low)], [pixels[1], pixels[0]]);
  const ticks = (n: number) => inner.ticks(n).map(({ at }) => ({ at, label: number(1 - inner.back(at)) }));
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
