/** Fresh runs of the best schedule, which lie beside the population as NAME.replay-1 and so on, before its own scores. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { type Columns, column } from "../api/columns";
import { API } from "../api/http";
import type { Num } from "../api/shapes";
import { useAddress, useColumns, useView } from "../api/view";
import { areaOf, drawCursor, drawNotice, drawSteps, drawValues } from "../charts/axes";
import { Chart } from "../charts/chart";
import { drawBand, drawLine, valueAt } from "../charts/curves";
import { type At, stepScale } from "../charts/gestures";
import type { Pen } from "../charts/pen";
import { linear, padded } from "../charts/scale";
import { Choice } from "../parts/choice";
import { counted, number } from "../parts/format";
import { Legend } from "../parts/legend";
import { Link } from "../parts/link";
import { hover, hovered } from "../state/lit";
import { asked } from "../state/steps";
import { theme } from "../state/theme";

interface Replayed {
  origin: { member: number; step: number; score: Num | null } | null;
  scores: (Num | null)[];
  mean: Num | null;
  spread: Num | null;
  gap: Num | null;
  sentence: string;
}

/** The replays of a population among all that a server has, by their numbers. */
export function replaysOf(name: string, all: readonly string[]): string[] {
  const number = (of: string) => Number(of.slice(name.length + ".replay-".length));
  return all
    .filter((of) => of.startsWith(`${name}.replay-`) && /^\d+$/.test(of.slice(name.length + ".replay-".length)))
    .sort((a, b) => number(a) - number(b));
}

export function Replays({ name, series }: { name: string; series: Columns }) {
  const names = useAddress<string[]>(`${API}/populations`).value.data ?? [];
  const found = replaysOf(name, names);
  const chosen = useSignal("");
  const last = found[found.length - 1];
  if (last === undefined) return null;
  const shown = found.includes(chosen.value) ? chosen.value : last;
  return (
    <section class="panel charts replays" aria-labelledby="replays">
      <header>
        <h2 id="replays">Replays</h2>
        {found.length > 1 && (
          <Choice
            label="Replay"
            options={found.map((of) => [of, of.slice(name.length + 1)] as const)}
            chosen={shown}
            choose={(of) => (chosen.value = of)}
          />
        )}
        <Link to={{ population: shown, query: {} }} class="soft">
          {shown}
        </Link>
      </header>
      <Replay key={shown} name={name} replay={shown} series={series} />
    </section>
  );
}

const HEIGHT = 180;

function Replay({ name, replay, series }: { name: string; replay: string; series: Columns }) {
  const told = useView<Replayed>(replay, "replay").value.data;
  const runs = useColumns(replay, "series", { ...asked.value, width: 600 }).value.data;
  const lines = useMemo(() => {
    const of = (data: Columns | undefined, name: string) => (data ? column(data, name) : new Float64Array(0));
    return {
      step: of(runs, "step"),
      low: of(runs, "min"),
      middle: of(runs, "q50"),
      high: of(runs, "max"),
      own: of(series, "best_step"),
      score: of(series, "best_score"),
    };
  }, [runs, series]);
  const ends = useMemo(() => {
    const finite = Array.from([...lines.low, ...lines.high, ...lines.score]).filter(Number.isFinite);
    return finite.length ? padded(Math.min(...finite), Math.max(...finite)) : null;
  }, [lines]);
  const scales = (width: number) => {
    const area = areaOf(width, HEIGHT);
    return { area, x: stepScale(width), y: linear(ends ?? [0, 1], [area.bottom, area.top]) };
  };
  const draw = (pen: Pen, { width }: { width: number }) => {
    const { area, x, y } = scales(width);
    const { colours, hues } = theme.value;
    const hue = hues[0] ?? colours.ink;
    drawSteps(pen, x, area, theme.value);
    if (ends) drawValues(pen, y, area, theme.value);
    else drawNotice(pen, "No score is finite yet", area, theme.value);
    pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
      drawBand(pen, lines.step, lines.low, lines.high, x, y, { color: hue, opacity: 0.2 });
      drawLine(pen, lines.step, lines.middle, x, y, { color: hue, width: 1.8 }, true);
      drawLine(pen, lines.own, lines.score, x, y, { color: colours.paper, width: 4 }, true);
      drawLine(pen, lines.own, lines.score, x, y, { color: colours.accent, width: 2.2 }, true);
    });
  };
  const over = (pen: Pen, { width }: { width: number }) => {
    const { step } = hovered.value;
    if (step !== null) drawCursor(pen, stepScale(width).of(step), scales(width).area, theme.value);
  };
  const hue = theme.value.hues[0] ?? theme.value.colours.ink;
  return (
    <>
      {told?.origin && (
        <dl class="gap">
          <div>
            <dt>PBT</dt>
            <dd>{number(told.origin.score)}</dd>
          </div>
          <div>
            <dt>{counted(told.scores.filter((score) => score !== null).length, "replay")}</dt>
            <dd>
              {number(told.mean)} {told.spread !== null && <span class="soft">± {number(told.spread, 2)}</span>}
            </dd>
          </div>
          <div>
            <dt>Replay gap</dt>
            <dd>{number(told.gap, 3)}</dd>
          </div>
          <p class="soft">{told.sentence}</p>
        </dl>
      )}
      <Chart
        level={3}
        title="Score"
        note="of the lineage of the best, and of fresh runs of its schedule"
        file={`${name}-replay`}
        sentence={`Scores of the best lineage and of ${replay}. ${told?.sentence ?? ""}`}
        table={() => ({
          columns: ["step", "best lineage", "replays, least", "median", "greatest"],
          rows: Array.from(lines.step, (step, i) => [
            step,
            valueAt(lines.own, lines.score, step),
            lines.low[i] ?? null,
            lines.middle[i] ?? null,
            lines.high[i] ?? null,
          ]),
        })}
        height={HEIGHT}
        draw={draw}
        over={over}
        point={(at: At | null) => hover(at === null ? null : stepScale(at.width).back(at.x))}
        legend={
          <Legend
            keys={[
              {
                text: "best lineage",
                mark: "line",
                color: theme.value.colours.accent,
                at: (s) => number(valueAt(lines.own, lines.score, s)),
              },
              {
                text: "replays, median",
                mark: "thin",
                color: hue,
                at: (s) => number(valueAt(lines.step, lines.middle, s)),
              },
              { text: "all of them", mark: "band", color: hue, opacity: 0.25 },
            ]}
          />
        }
      />
    </>
  );
}
