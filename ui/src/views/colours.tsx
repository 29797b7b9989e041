/** What marks of members are coloured by: the score, a hyperparameter, the clade. */

import type { Domain } from "../api/shapes";
import { shortened } from "../parts/format";
import { go, place } from "../state/place";

/** The colour stands in the address as `colour`: "clade", or "h/NAME"; the score without. */
export function colourBy(domains: Record<string, Domain>): { kind: "score" | "clade" | "value"; name: string } {
  const chosen = place.value.query["colour"] ?? "";
  const name = chosen.replace(/^h\//, "");
  if (chosen.startsWith("h/") && domains[name]) return { kind: "value", name };
  return chosen === "clade" ? { kind: "clade", name: "" } : { kind: "score", name: "" };
}

export function Colours({ domains, clades }: { domains: Record<string, Domain>; clades: boolean }) {
  const { kind, name } = colourBy(domains);
  const chosen = kind === "value" ? `h/${name}` : kind === "clade" && clades ? "clade" : "";
  return (
    <label class="pick">
      <span class="soft">Colour</span>
      <select
        value={chosen}
        onChange={(event) => go({ query: { colour: event.currentTarget.value || undefined } }, { replace: true })}
      >
        <option value="">score</option>
        {clades && <option value="clade">clade</option>}
        {Object.keys(domains).map((of) => (
          <option key={of} value={`h/${of}`}>
            {shortened(of, 40)}
          </option>
        ))}
      </select>
    </label>
  );
}
