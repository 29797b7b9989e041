/** One hyperparameter over steps. */

import { useMemo } from "preact/hooks";
import { type Columns, column } from "../api/columns";
import type { Domain } from "../api/shapes";
import { areaOf, drawCursor, drawSteps, drawTicks, drawValues } from "../charts/axes";
import { Chart } from "../charts/chart";
import { type At, stepScale } from "../charts/gestures";
import { domainText, panelOf } from "../charts/panel";
import type { Pen } from "../charts/pen";
import { shortened } from "../parts/format";
import { Legend } from "../parts/legend";
import { hover, hovered } from "../state/lit";
import { theme } from "../state/theme";

interface PanelProps {
  population: string;
  name: string;
  domain: Domain;
  data: Columns;
  /** Steps are written below it. */
  labelled: boolean;
}

const HEIGHT = 104;
const LABELS = 16;

export function HyperparameterPanel({ population, name, domain, data, labelled }: PanelProps) {
  const panel = useMemo(() => panelOf(name, domain, data), [name, domain, data]);
  const used = column(data, `h/${name}/used`);
  if (panel === null) return null;
  const height = labelled ? HEIGHT + LABELS : HEIGHT;
  const area = (width: number) => areaOf(width, height, labelled);
  const draw = (pen: Pen, { width }: { width: number }) => {
    const x = stepScale(width);
    const y = panel.scale(area(width));
    drawSteps(pen, x, area(width), theme.value, labelled);
    drawValues(pen, y, area(width), theme.value);
    panel.draw(pen, x, y, area(width), theme.value);
    drawTicks(pen, used, x, area(width), theme.value);
  };
  const over = (pen: Pen, { width }: { width: number }) => {
    const { step } = hovered.value;
    if (step !== null) drawCursor(pen, stepScale(width).of(step), area(width), theme.value);
  };
  const point = (at: At | null) => {
    const inside = at !== null && at.x >= area(at.width).left && at.x <= area(at.width).right;
    hover(inside ? stepScale(at.width).back(at.x) : null);
  };
  return (
    <Chart
      level={3}
      title={shortened(name, 60)}
      note={domainText(domain)}
      file={`${population}-${name}`}
      sentence={used.length === 0 ? panel.sentence : `${panel.sentence} Another value than the decided one was in use.`}
      table={panel.table}
      height={height}
      draw={draw}
      over={over}
      point={point}
      legend={
        <Legend
          keys={
            used.length === 0
              ? panel.keys(theme.value)
              : [
                  ...panel.keys(theme.value),
                  { text: "another value in use", mark: "tick", color: theme.value.colours.ink },
                ]
          }
        />
      }
    />
  );
}
