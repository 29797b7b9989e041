/** Scores and hyperparameters of all members over steps. */

import { useMemo } from "preact/hooks";
import type { Columns } from "../api/columns";
import type { Domain } from "../api/shapes";
import { useColumns } from "../api/view";
import { curvesOf } from "../charts/curves";
import { missing, Notice } from "../parts/notices";
import { lit } from "../state/lit";
import { asked } from "../state/steps";
import { Facets } from "./facets";
import { Facts } from "./facts";
import { MemoryCards } from "./memory";
import { HyperparameterPanel } from "./panel";
import type { ViewProps } from "./registry";
import { ScoreChart } from "./scorechart";
import { StepsBar } from "./stepsbar";

/** Members up to which each has a line of its own. */
const FEW = 64;
/** Members of one request for curves. */
const AT_ONCE = 50;
const BINS = 600;
const ROWS = 160;

export function PopulationView({ name, summary }: ViewProps) {
  const window = asked.value;
  const few = summary.members <= FEW;
  const ids = lit.value.map(({ id }) => id).filter((id) => id < summary.members);
  const series = useColumns(name, "series", { ...window, width: BINS }).value;
  const density = useColumns(name, "density", few ? null : { ...window, width: BINS, height: ROWS }).value;
  const lines = useColumns(
    name,
    "lines",
    ids.length ? { ...window, members: ids.join(","), points: BINS } : null,
  ).value;
  const faint = useFaint(name, few ? summary.members : 0);
  const curves = useMemo(() => curvesOf(lines.data), [lines.data]);
  if (series.data === undefined) return missing(series, "scores");
  const domains = series.data.meta["domains"] as Record<string, Domain>;
  const roles = (series.data.meta["roles"] ?? []) as string[];
  return (
    <>
      <h1 class="hidden">{name}</h1>
      <Facts summary={summary} />
      {summary.reports === 0 ? (
        <Notice title="No member has reported yet">
          <p>Scores show here as soon as the first one does.</p>
        </Notice>
      ) : (
        <>
          <StepsBar members={summary.members} />
          <div class="panel charts" data-busy={series.address !== undefined && !same(series.data, window)}>
            <ScoreChart
              name={name}
              data={series.data}
              density={few ? undefined : density.data}
              faint={faint}
              curves={curves}
              maximize={summary.settings?.maximize ?? true}
            />
            {roles.length > 1 && <Facets name={name} roles={roles} maximize={summary.settings?.maximize ?? true} />}
            {Object.entries(domains).map(([of, domain], i, all) => (
              <HyperparameterPanel
                key={of}
                population={name}
                name={of}
                domain={domain}
                data={series.data as Columns}
                labelled={i === all.length - 1}
              />
            ))}
          </div>
          <MemoryCards name={name} />
        </>
      )}
    </>
  );
}

/** Curves of every member, where they are few; two requests, since one may name 50. */
function useFaint(name: string, members: number) {
  const { value: window } = asked;
  const query = (from: number, to: number) =>
    from < to
      ? { ...window, members: Array.from({ length: to - from }, (_, i) => from + i).join(","), points: 300 }
      : null;
  const first = useColumns(name, "lines", query(0, Math.min(members, AT_ONCE))).value.data;
  const second = useColumns(name, "lines", query(AT_ONCE, members)).value.data;
  return useMemo(() => (members ? [...curvesOf(first), ...curvesOf(second)] : []), [first, second, members]);
}

/** Whether columns are of the window that is shown. */
function same(data: Columns, window: { from?: number; to?: number }): boolean {
  return window.from === undefined || (data.meta["from"] === window.from && data.meta["to"] === window.to);
}
