/** The schedule: the hyperparameters along one lineage, before those of all members, and as text to take along. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Column, Columns } from "../api/columns";
import { type Domain, domainsOf, type Pieces, type Value } from "../api/shapes";
import { useColumns, useView } from "../api/view";
import { areaOf, drawCursor, drawSteps, drawValues } from "../charts/axes";
import { Chart } from "../charts/chart";
import { copy, save } from "../charts/download";
import { type At, stepScale } from "../charts/gestures";
import { domainText, type Panel, panelOf } from "../charts/panel";
import type { Pen } from "../charts/pen";
import { Choice } from "../parts/choice";
import { count, counted, number, shortened, value as text } from "../parts/format";
import { Legend } from "../parts/legend";
import { missing, Notice } from "../parts/notices";
import { say } from "../parts/toast";
import { hover, hovered } from "../state/lit";
import { go, place } from "../state/place";
import { asked } from "../state/steps";
import { theme } from "../state/theme";
import type { ViewProps } from "./registry";
import { Replays } from "./replays";
import { StepsBar } from "./stepsbar";

type Texts = Partial<Record<"python" | "toml" | "json", string>>;

export function ScheduleView({ name, summary }: ViewProps) {
  const chosen = place.value.query["of"] ?? "best";
  const series = useColumns(name, "series", { ...asked.value, width: 600 }).value;
  const pieces = useView<Pieces & { texts?: Texts | null }>(name, "schedule", { member: chosen, texts: 1 }).value;
  const domains = domainsOf(summary.settings);
  const whose = chosen === "best" ? "best lineage" : `lineage of member ${chosen}`;
  const listed = pieces.data?.pieces ?? [];
  return (
    <>
      <div class="title">
        <h1>Schedule</h1>
        <Whose chosen={chosen} members={summary.members} best={summary.best?.member} />
        {pieces.data && <span class="soft">{said(pieces.data, summary.best?.step)}</span>}
      </div>
      {missing(pieces, "schedule") ??
        (listed.length === 0 ? (
          <Notice title="There is no schedule yet">
            <p>
              {chosen === "best"
                ? "It begins with the first checkpoint that has a finite score."
                : "The member’s first hyperparameters are still owed."}
            </p>
          </Notice>
        ) : (
          <>
            <StepsBar members={summary.members} />
            {missing(series, "scores") ?? (
              <div class="panel charts">
                {Object.entries(domains).map(([of, domain], i, all) => (
                  <SchedulePanel
                    key={of}
                    file={`${name}-schedule-${of}`}
                    name={of}
                    domain={domain}
                    data={series.data as Columns}
                    pieces={pieces.data as Pieces}
                    end={endOf(chosen, summary)}
                    whose={whose}
                    labelled={i === all.length - 1}
                  />
                ))}
              </div>
            )}
            {chosen === "best" && series.data && <Replays name={name} series={series.data} />}
            <TakeAlong name={name} texts={pieces.data?.texts ?? null} />
            <PiecesTable pieces={pieces.data as Pieces} names={Object.keys(domains)} />
          </>
        ))}
    </>
  );
}

function Whose({ chosen, members, best }: { chosen: string; members: number; best: number | undefined }) {
  const number = chosen === "best" ? "" : chosen;
  const set = (of: string) => {
    if (of === "" || of === "best") go({ query: { of: undefined } });
    else if (!/^\d+$/.test(of) || Number(of) >= members) say(`Members have numbers from 0 to ${count(members - 1)}.`);
    else go({ query: { of } });
  };
  return (
    <>
      <Choice
        label="Whose schedule"
        options={[["best", best === undefined ? "Best" : `Best, member ${best}`]]}
        chosen={chosen}
        choose={set}
      />
      <label class="pick">
        <span class="soft">or member</span>
        <input
          key={number}
          inputMode="numeric"
          defaultValue={number}
          size={5}
          placeholder="number"
          onChange={(event) => set(event.currentTarget.value.trim())}
        />
      </label>
    </>
  );
}

function said({ pieces, member }: Pieces, bestStep: number | undefined): string {
  const last = pieces[pieces.length - 1]?.[0] ?? 0;
  const end = bestStep !== undefined && bestStep > last ? ` to step ${count(bestStep)}` : "";
  return member === null ? "" : `${counted(pieces.length, "piece")}, the last from step ${count(last)}${end}`;
}

function endOf(chosen: string, { best, furthest }: ViewProps["summary"]): number {
  return chosen === "best" ? (best?.step ?? furthest) : furthest;
}

interface SchedulePanelProps {
  file: string;
  name: string;
  domain: Domain;
  data: Columns;
  pieces: Pieces;
  end: number;
  whose: string;
  labelled: boolean;
}

const HEIGHT = 116;
const LABELS = 16;

function SchedulePanel({ file, name, domain, data, pieces, end, whose, labelled }: SchedulePanelProps) {
  const panel = useMemo(() => lineagePanel(name, domain, data, pieces, end), [name, domain, data, pieces, end]);
  if (panel === null) return null;
  const height = HEIGHT + (labelled ? LABELS : 0);
  const area = (width: number) => areaOf(width, height, labelled);
  const renamed = (said: string) => said.replaceAll("best lineage", whose);
  const draw = (pen: Pen, { width }: { width: number }) => {
    const [x, y] = [stepScale(width), panel.scale(area(width))];
    drawSteps(pen, x, area(width), theme.value, labelled);
    drawValues(pen, y, area(width), theme.value);
    panel.draw(pen, x, y, area(width), theme.value);
  };
  const over = (pen: Pen, { width }: { width: number }) => {
    const { step } = hovered.value;
    if (step !== null) drawCursor(pen, stepScale(width).of(step), area(width), theme.value);
  };
  return (
    <Chart
      level={2}
      title={shortened(name, 60)}
      note={domainText(domain)}
      file={file}
      sentence={renamed(panel.sentence)}
      table={() => {
        const table = panel.table();
        return { ...table, columns: table.columns.map(renamed) };
      }}
      height={height}
      draw={draw}
      over={over}
      point={(at: At | null) => hover(at === null ? null : stepScale(at.width).back(at.x))}
      legend={<Legend keys={panel.keys(theme.value).map((key) => ({ ...key, text: renamed(key.text) }))} />}
    />
  );
}

/** As the panel of the view of the population, with the steps of one lineage. */
export function lineagePanel(name: string, domain: Domain, data: Columns, pieces: Pieces, end: number): Panel | null {
  const { steps, values } = stairsOf(name, domain, pieces, end);
  const columns = new Map<string, Column>(data.columns);
  columns.set(`best/${name}/step`, steps);
  columns.set(`best/${name}/value`, values);
  return panelOf(name, domain, { ...data, columns });
}

/** A hyperparameter's values as stairs, up to a last step; of listed values their places. */
export function stairsOf(name: string, domain: Domain, { pieces }: Pieces, end: number) {
  const steps: number[] = [];
  const values: number[] = [];
  for (const [step, held] of pieces) {
    const value = "values" in domain ? domain.values.indexOf(held[name] as Value) : Number(held[name]);
    if (values.length && values[values.length - 1] === value) continue;
    steps.push(step);
    values.push(value);
  }
  const last = values[values.length - 1];
  if (last !== undefined && end > (steps[steps.length - 1] ?? 0)) {
    steps.push(end);
    values.push(last);
  }
  return { steps: Float64Array.from(steps), values: Float64Array.from(values) };
}

const FORMATS = [
  ["python", "Python", "py"],
  ["toml", "TOML", "toml"],
  ["json", "JSON", "json"],
] as const;

/** The schedule as `pbt schedule` prints it. */
function TakeAlong({ name, texts }: { name: string; texts: Texts | null }) {
  const form = useSignal<"python" | "toml" | "json">("python");
  const there = FORMATS.filter(([id]) => texts?.[id]);
  if (texts === null || there.length === 0) return null;
  const [id, title, ending] = there.find(([one]) => one === form.value) ?? (there[0] as (typeof FORMATS)[number]);
  const content = texts[id] ?? "";
  const copied = async () =>
    say(
      (await copy(content)) ? `Copied as ${title}.` : "The browser does not let this page copy: download it instead.",
    );
  return (
    <section class="panel take">
      <header>
        <h2>Take it along</h2>
        <Choice
          label="Format"
          options={there.map(([one, label]) => [one, label] as const)}
          chosen={id}
          choose={(one) => (form.value = one as typeof form.value)}
        />
        <span class="buttons">
          <button type="button" class="primary" onClick={copied}>
            Copy as {title}
          </button>
          <button
            type="button"
            onClick={() =>
              save(`${name}-schedule.${ending}`, new Blob([content], { type: "text/plain;charset=utf-8" }))
            }
          >
            Download
          </button>
        </span>
      </header>
      <pre class="scroll" tabIndex={0}>
        {content}
      </pre>
    </section>
  );
}

const MOST = 200;

function PiecesTable({ pieces: { pieces }, names }: { pieces: Pieces; names: string[] }) {
  return (
    <section class="panel scroll pieces" aria-label="The schedule, piece by piece" tabIndex={0}>
      <table class="list">
        <thead>
          <tr>
            <th scope="col" class="n">
              From step
            </th>
            {names.map((of) => (
              <th key={of} scope="col" class="n">
                {shortened(of, 24)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {pieces.slice(0, MOST).map(([step, values], i) => (
            <tr key={step}>
              <th scope="row" class="n">
                {count(step)}
              </th>
              {names.map((of) => (
                <td key={of} class={i > 0 && pieces[i - 1]?.[1][of] === values[of] ? "n soft" : "n"}>
                  {typeof values[of] === "number" ? number(values[of]) : shortened(text(values[of]), 24)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {pieces.length > MOST && (
        <p class="soft help">
          The first {MOST} of {count(pieces.length)} pieces; the files have all.
        </p>
      )}
    </section>
  );
}
