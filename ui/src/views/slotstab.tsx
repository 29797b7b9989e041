/** A row for each member: what it reported at each step, and among few members who took over whose weights. */

import type { Domain, Summary } from "../api/shapes";
import { useColumns } from "../api/view";
import { missing } from "../parts/notices";
import { go, place } from "../state/place";
import { asked } from "../state/steps";
import { colourBy } from "./colours";
import { MemberRaster } from "./memberraster";

interface SlotsTabProps {
  name: string;
  summary: Summary;
  domains: Record<string, Domain>;
}

const ROWS = 600;

export function SlotsTab({ name, summary, domains }: SlotsTabProps) {
  const { kind, name: by } = colourBy(domains);
  const sort = place.value.query["by"] ?? "id";
  const order = sort === "score" && summary.settings?.maximize ? "desc" : "asc";
  const query = { ...asked.value, rows: ROWS, sort, order, ...(kind === "value" && { by }) };
  const held = useColumns(name, "raster", query).value;
  if (held.data === undefined) return missing(held, "members");
  return (
    <MemberRaster name={name} summary={summary} data={held.data} title="By member" pitch={pitchOf} arcs>
      <label class="pick">
        <span>Sort</span>
        <select value={sort} onChange={(event) => go({ query: { by: event.currentTarget.value } }, { replace: true })}>
          <option value="id">by number</option>
          <option value="score">by score now</option>
        </select>
      </label>
    </MemberRaster>
  );
}

/** Few members have rows that arcs can be told apart in; many share the height. */
function pitchOf(rows: number): number {
  if (rows <= 32) return Math.min(34, Math.max(19, Math.round(340 / rows)));
  return Math.min(560, Math.max(320, rows)) / rows;
}
