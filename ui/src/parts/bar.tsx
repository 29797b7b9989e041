/** A hyperparameter's value as its place in its domain, with the value itself. */

import type { Domain, Value } from "../api/shapes";
import { unit } from "../charts/unit";
import { shortened, value as text } from "./format";

export function Bar({ domain, value }: { domain: Domain; value: Value | undefined }) {
  const at = unit(domain, value);
  const wide = "values" in domain ? 100 / domain.values.length : 0;
  return (
    <span class="bar-cell">
      <span class="bar-text">{shortened(text(value), 18)}</span>
      <svg class="bar-track" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect width="100" height="4" class="track" />
        {Number.isFinite(at) &&
          (wide ? (
            <rect x={at * 100 - wide / 2} width={wide} height="4" class="fill" />
          ) : (
            <rect width={Math.max(1.5, at * 100)} height="4" class="fill" />
          ))}
      </svg>
    </span>
  );
}
