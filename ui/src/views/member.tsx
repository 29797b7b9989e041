/** One member: its curve, what was decided on it, and the schedule of its lineage. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Columns } from "../api/columns";
import {
  type Domain,
  domainsOf,
  type MemberDecisions,
  type MemberRow,
  type MembersPage,
  type Pieces,
  type Value,
} from "../api/shapes";
import { useColumns, useView } from "../api/view";
import { areaOf, drawCursor, drawSteps, drawValues } from "../charts/axes";
import { Chart } from "../charts/chart";
import { curvesOf, drawStairs, heldAt } from "../charts/curves";
import { type At, stepScale } from "../charts/gestures";
import { domainText } from "../charts/panel";
import type { Pen } from "../charts/pen";
import { linear, ranged, type Scale } from "../charts/scale";
import { spanning } from "../charts/unit";
import { ago, count, counted, moment, number, shortened, value as text } from "../parts/format";
import { Legend } from "../parts/legend";
import { Link } from "../parts/link";
import { missing, Notice } from "../parts/notices";
import { now } from "../parts/now";
import { Status } from "../parts/status";
import { say } from "../parts/toast";
import { hover, hovered, isLit, MOST, toggle } from "../state/lit";
import { place } from "../state/place";
import { asked } from "../state/steps";
import { theme } from "../state/theme";
import type { ViewProps } from "./registry";
import { ScoreChart } from "./scorechart";
import { StepsBar } from "./stepsbar";

export function MemberView({ name, summary }: ViewProps) {
  const id = Number(place.value.query["member"] ?? "");
  if (!Number.isInteger(id) || id < 0 || id >= summary.members)
    return (
      <Notice title="There is no such member">
        <p>
          Members of {shortened(name)} have numbers from 0 to {count(summary.members - 1)}.
        </p>
        <p>
          <Link to={{ view: "members", query: {} }}>All members</Link>
        </p>
      </Notice>
    );
  return <Member key={id} id={id} name={name} summary={summary} />;
}

function Member({ id, name, summary }: ViewProps & { id: number }) {
  const window = asked.value;
  const page = useView<MembersPage>(name, "members", { filter: String(id), limit: 1 }).value;
  const series = useColumns(name, "series", { ...window, width: 600 }).value;
  const lines = useColumns(name, "lines", { ...window, members: String(id), points: 1200 }).value;
  const decisions = useView<MemberDecisions>(name, "decisions", { member: id }).value;
  const schedule = useView<Pieces>(name, "schedule", { member: String(id) }).value;
  const curves = useMemo(() => curvesOf(lines.data), [lines.data]);
  const row = page.data?.rows[0];
  return (
    <>
      <div class="title">
        <h1>Member {id}</h1>
        {row && <Status state={row.state} />}
        {row && <span class="soft">{said(row)}</span>}
        <button type="button" onClick={() => toggle(id) || say(`${MOST} members are lit already: put one out first.`)}>
          {isLit(id) ? "Put out in the charts" : "Light in the charts"}
        </button>
      </div>
      <StepsBar />
      {missing(series, "scores") ?? (
        <div class="panel charts">
          <ScoreChart
            name={`${name}-member-${id}`}
            data={series.data as Columns}
            density={undefined}
            faint={[]}
            curves={curves}
            own={id}
            maximize={summary.settings?.maximize ?? true}
          />
          {schedule.data &&
            Object.entries(domainsOf(summary.settings)).map(([of, domain]) => (
              <ScheduleChart
                key={of}
                file={`${name}-member-${id}-${of}`}
                name={of}
                domain={domain}
                pieces={schedule.data as Pieces}
                end={row?.step ?? 0}
              />
            ))}
        </div>
      )}
      <h2 class="section">Decisions</h2>
      {missing(decisions, "decisions") ?? <Decisions member={id} rows={decisions.data?.rows ?? []} />}
    </>
  );
}

function said(row: MemberRow): string {
  return [
    `score ${number(row.score)} at step ${count(row.step)}`,
    counted(row.exploits, "exploit"),
    row.last !== null && `last report ${ago(row.last, now.value)}`,
  ].filter(Boolean).join(" · "); // biome-ignore format: one sentence
}

interface ScheduleProps {
  file: string;
  name: string;
  domain: Domain;
  pieces: Pieces;
  end: number;
}

const HEIGHT = 96;

/** One hyperparameter along the lineage of a member. */
function ScheduleChart({ file, name, domain, pieces, end }: ScheduleProps) {
  const stairs = useMemo(() => stairsOf(name, domain, pieces, end), [name, domain, pieces, end]);
  const area = (width: number) => areaOf(width, HEIGHT, false);
  const scale = (width: number): Scale => {
    const { bottom, top } = area(width);
    if ("values" in domain) return places(domain.values, bottom, top, width);
    const held = domain.kind === "constant" ? domain : spanning(domain, stairs.values);
    return held.kind === "constant"
      ? linear([0, 1], [bottom, top])
      : ranged(held.log, [held.min, held.max], [bottom, top]);
  };
  const draw = (pen: Pen, { width }: { width: number }) => {
    const [x, y] = [stepScale(width), scale(width)];
    drawSteps(pen, x, area(width), theme.value, false);
    drawValues(pen, y, area(width), theme.value);
    const { left, right, top, bottom } = area(width);
    pen.clip(left, top - 2, right - left, bottom - top + 4, () =>
      drawStairs(pen, stairs.steps, stairs.values, x, y, { color: theme.value.colours.ink, width: 2 }),
    );
  };
  const over = (pen: Pen, { width }: { width: number }) => {
    const { step } = hovered.value;
    if (step !== null) drawCursor(pen, stepScale(width).of(step), area(width), theme.value);
  };
  const at = (step: number) => shown(domain, heldAt(stairs.steps, stairs.values, step));
  return (
    <Chart
      level={3}
      title={shortened(name, 60)}
      note={domainText(domain)}
      file={file}
      sentence={`${name} along this member’s lineage: ${counted(pieces.pieces.length, "piece")}, now ${shown(domain, stairs.values[stairs.values.length - 1] ?? Number.NaN)}.`}
      table={() => ({
        columns: ["from step", name],
        rows: pieces.pieces.map(([step, values]) => [step, text(values[name])]),
      })}
      height={HEIGHT}
      draw={draw}
      over={over}
      point={(place: At | null) => hover(place === null ? null : stepScale(place.width).back(place.x))}
      legend={<Legend keys={[{ text: "this lineage", mark: "line", color: theme.value.colours.ink, at }]} />}
    />
  );
}

function stairsOf(name: string, domain: Domain, { pieces }: Pieces, end: number) {
  const values = pieces.map(([, held]) =>
    "values" in domain ? domain.values.indexOf(held[name] as Value) : Number(held[name]),
  );
  const last = values[values.length - 1];
  const steps = pieces.map(([step]) => step);
  if (last !== undefined && end > (steps[steps.length - 1] ?? 0)) {
    steps.push(end);
    values.push(last);
  }
  return { steps: Float64Array.from(steps), values };
}

/** Characters of a value beside its place: on a phone they would leave no room for the chart. */
const LETTERS = { wide: 14, narrow: 8 };

/** A listed domain's values, one above the other. */
function places(values: readonly Value[], bottom: number, top: number, width: number): Scale {
  const scale = linear([-0.5, values.length - 0.5], [bottom, top]);
  const every = Math.ceil(values.length / 5);
  const most = width < 500 ? LETTERS.narrow : LETTERS.wide;
  const ticks = () =>
    values.flatMap((value, i) => (i % every ? [] : [{ at: scale.of(i), label: shortened(text(value), most) }]));
  return { ...scale, ticks };
}

function shown(domain: Domain, held: number): string {
  return "values" in domain ? shortened(text(domain.values[held]), 24) : number(held);
}

/** Decisions that are listed at first. */
const FIRST = 200;

function Decisions({ member, rows }: { member: number; rows: MemberDecisions["rows"] }) {
  const all = useSignal(false);
  const newest = rows.toReversed().slice(0, all.value ? rows.length : FIRST);
  return (
    <>
      <ol class="panel decisions">
        {newest.map((row) => (
          <li key={row.entry} data-start={row.start}>
            <span class="n">step {count(row.step)}</span>
            <Link to={{ query: { why: `${row.entry}.${member}` } }}>{row.sentence}</Link>
            <time class="soft" dateTime={new Date(row.time * 1000).toISOString()}>
              {moment(row.time)}
            </time>
          </li>
        ))}
      </ol>
      {newest.length < rows.length && (
        <button
          type="button"
          class="more"
          onClick={() => {
            all.value = true;
          }}
        >
          Show the {counted(rows.length - newest.length, "earlier decision")}
        </button>
      )}
    </>
  );
}
