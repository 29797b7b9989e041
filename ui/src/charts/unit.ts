/** Where a value stands in its domain, from 0 to 1. */

import type { Domain, Value } from "../api/shapes";
import { ranged } from "./scale";

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
