/** Where a value stands in its domain, from 0 to 1. */

import type { Domain, Value } from "../api/shapes";
import { ranged } from "./scale";

type Range = Extract<Domain, { kind: "float" | "int" }>;

/** A range with ends so far apart that all of some values lie within: bounds can be moved, and earlier values stay. */
export function spanning(domain: Range, values: Iterable<number>): Range {
  let { min, max } = domain;
  for (const value of values) {
    if (!Number.isFinite(value) || (domain.log === true && value <= 0) || (domain.log === "1-x" && value >= 1))
      continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { ...domain, min, max };
}

/** A domain for one axis with all of these values. */
export function around(domain: Domain, values: readonly (Value | undefined)[]): Domain {
  if (domain.kind !== "float" && domain.kind !== "int") return domain;
  return spanning(
    domain,
    values.filter((value) => typeof value === "number"),
  );
}

export function unit(domain: Domain, value: Value | undefined): number {
  if (domain.kind === "constant" || value === undefined || value === null) return Number.NaN;
  if ("values" in domain) {
    const at = domain.values.indexOf(value);
    return at < 0 ? Number.NaN : (at + 0.5) / domain.values.length;
  }
  if (domain.min === domain.max) return 0.5;
  const share = ranged(domain.log, [domain.min, domain.max], [0, 1]).of(Number(value));
  return Math.min(1, Math.max(0, share));
}
