/** Seconds between two reports of a member, over time. */

import { useSignal } from "@preact/signals";
import { real } from "../api/shapes";
import { counted, moment } from "../parts/format";
import { Notice } from "../parts/notices";
import { DataTable } from "../parts/table";
import { type Health, seconds } from "./health";

/** Of the drawing, in its own units: on a phone fewer, so that text stays as large. */
const WIDE = 1200;
const NARROW = 420;
const HEIGHT = 120;
const FOOT = 18;
const LEFT = 56;

export function WaitsChart({ waits }: { waits: Health["waits"] }) {
  const table = useSignal(false);
  const width = innerWidth < 700 ? NARROW : WIDE;
  const [q25, q50, q95] = [waits.q25, waits.q50, waits.q95].map((column) => column.map(real)) as [
    number[],
    number[],
    number[],
  ];
  const finite = [...q25, ...q95].filter((x) => Number.isFinite(x) && x > 0);
  if (finite.length === 0)
    return (
      <section class="panel card waits">
        <header>
          <h2>Between two reports of a member</h2>
        </header>
        <Notice title="No member has reported twice yet" />
      </section>
    );
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const [a, b] = [Math.log10(low) - 0.15, Math.log10(high) + 0.15];
  const y = (x: number) => HEIGHT - FOOT - ((Math.log10(Math.max(x, low)) - a) / (b - a)) * (HEIGHT - FOOT - 6);
  const [first, last] = [waits.time[0] ?? 0, waits.time.at(-1) ?? 1];
  const x = (time: number) => LEFT + ((time - first) / Math.max(1e-9, last - first)) * (width - LEFT - 12);
  const known = waits.time.flatMap((time, i) => (Number.isFinite(q50[i]) ? [{ time, i }] : []));
  const line = (of: number[]) =>
    known.map(({ time, i }, n) => `${n ? "L" : "M"}${x(time).toFixed(1)} ${y(of[i] as number).toFixed(1)}`).join("");
  const back = [...known].reverse().map(({ time, i }) => `L${x(time).toFixed(1)} ${y(q25[i] as number).toFixed(1)}`);
  const rows = waits.time.map((time, i) => [
    moment(time),
    waits.reports[i] ?? null,
    q25[i] ?? null,
    q50[i] ?? null,
    q95[i] ?? null,
  ]);
  return (
    <section class="panel card waits">
      <header>
        <h2>Between two reports of a member</h2>
        <span class="soft">{counted(waits.count, "wait")}; median, and from 25 to 95 %, over time</span>
        <button type="button" class="plain" onClick={() => (table.value = !table.value)}>
          {table.value ? "Hide the table" : "Show as a table"}
        </button>
      </header>
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        aria-label={`Time between two reports of a member, from ${seconds(low)} to ${seconds(high)}.`}
      >
        {ticksOf(low, high).map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={width - 12} y1={y(tick)} y2={y(tick)} class="hair" />
            <text x={LEFT - 8} y={y(tick) + 4} text-anchor="end">
              {seconds(tick)}
            </text>
          </g>
        ))}
        <path d={`${line(q95)}${back.join("")}Z`} class="band" />
        <path d={line(q50)} class="middle" />
        {width === WIDE && (
          <text x={LEFT} y={HEIGHT - 2}>
            {moment(first)}
          </text>
        )}
        <text x={width - 12} y={HEIGHT - 2} text-anchor="end">
          {moment(last)}
        </text>
      </svg>
      {table.value && (
        <DataTable
          label="Between two reports"
          table={{ columns: ["time", "reports", "25 % (s)", "median (s)", "95 % (s)"], rows }}
        />
      )}
    </section>
  );
}

/** Round seconds between two numbers, two to five of them. */
export function ticksOf(low: number, high: number): number[] {
  const found: number[] = [];
  const decades = Math.log10(high / low);
  const factors = decades > 3 ? [1] : decades > 1.2 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)); power += 1)
    for (const factor of factors) {
      const value = Number(`${factor}e${power}`);
      if (value >= low * 0.8 && value <= high * 1.25) found.push(value);
    }
  const every = Math.max(1, Math.ceil(found.length / 4));
  return found.filter((_, i) => i % every === 0);
}
