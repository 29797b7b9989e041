/** Health over steps: how often members take over weights, and from how many lineages those of now descend. */

import { useMemo } from "preact/hooks";
import { areaOf, drawCursor, drawSteps, drawValues } from "../charts/axes";
import { Chart } from "../charts/chart";
import { drawBand, drawLine, valueAt } from "../charts/curves";
import { type At, stepScale } from "../charts/gestures";
import { percents } from "../charts/labels";
import type { Pen } from "../charts/pen";
import { linear, logarithmic } from "../charts/scale";
import { counted, number, percent } from "../parts/format";
import { Legend } from "../parts/legend";
import { hover, hovered } from "../state/lit";
import { theme } from "../state/theme";

export interface Curve {
  step: number[];
  value: (number | null)[];
}

const HEIGHT = 150;

interface StepsChartProps {
  title: string;
  note: string;
  file: string;
  sentence: string;
  curve: Curve;
  column: string;
  /** Log, where the values span more than two powers of ten. */
  log?: boolean;
  most?: number;
  label: (x: number) => string;
  /** Of its axis. */
  labels?: typeof percents;
}

/** A line over steps with the area below it. */
function StepsChart({ title, note, file, sentence, curve, column, log = false, most, label, labels }: StepsChartProps) {
  const [step, value] = useMemo(
    () => [Float64Array.from(curve.step), Float64Array.from(curve.value, (x) => x ?? Number.NaN)],
    [curve],
  );
  const high = most ?? (Math.max(0, ...value.filter(Number.isFinite)) || 1);
  const logged = log && high > 20;
  const zero = useMemo(() => value.map(() => (logged ? 1 : 0)), [value, logged]);
  const scales = (width: number) => {
    const area = areaOf(width, HEIGHT);
    const ends = [area.bottom, area.top] as const;
    return {
      area,
      x: stepScale(width),
      y: logged ? logarithmic([1, high], ends) : linear([0, high], ends, labels),
    };
  };
  const draw = (pen: Pen, { width }: { width: number }) => {
    const { area, x, y } = scales(width);
    const { colours } = theme.value;
    drawSteps(pen, x, area, theme.value);
    drawValues(pen, y, area, theme.value);
    pen.clip(area.left, area.top - 1, area.right - area.left, area.bottom - area.top + 2, () => {
      drawBand(pen, step, zero, value, x, y, { color: colours.band, opacity: 0.35 });
      drawLine(pen, step, value, x, y, { color: colours.ink, width: 1.6 }, true);
    });
  };
  const over = (pen: Pen, { width }: { width: number }) => {
    const { step: at } = hovered.value;
    const { area, x } = scales(width);
    if (at !== null) drawCursor(pen, x.of(at), area, theme.value);
  };
  return (
    <Chart
      title={title}
      note={note}
      file={file}
      sentence={sentence}
      table={() => ({ columns: ["step", column], rows: Array.from(step, (at, i) => [at, value[i] ?? null]) })}
      height={HEIGHT}
      draw={draw}
      over={over}
      point={(at: At | null) => hover(at === null ? null : stepScale(at.width).back(at.x))}
      legend={
        <Legend
          keys={[
            { text: column, mark: "line", color: theme.value.colours.ink, at: (s) => label(valueAt(step, value, s)) },
          ]}
        />
      }
    />
  );
}

export function RateChart({ name, curve }: { name: string; curve: Curve }) {
  return (
    <StepsChart
      title="Exploits"
      note="share of the decisions at a step that gave a member another one’s weights"
      file={`${name}-exploits`}
      sentence="Share of decisions that were exploits, over steps."
      curve={curve}
      column="exploits per decision"
      label={(x) => (Number.isFinite(x) ? percent(x) : "–")}
      labels={percents}
    />
  );
}

export function LineagesChart({ name, curve, members }: { name: string; curve: Curve; members: number }) {
  const first = curve.value.find((n) => n !== null) ?? 0;
  return (
    <StepsChart
      title="Lineages that live on"
      note="from how many segments of a step the members of now descend"
      file={`${name}-lineages`}
      sentence={`Segments at each step from which the ${counted(members, "living member")} descend: ${first} at the first step of the window.`}
      curve={curve}
      column="lineages"
      log
      most={members}
      label={number}
    />
  );
}
