/** The chart of scores: all members as bands, the best lineage, lit members with their exploits. */

import { useComputed, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Columns } from "../api/columns";
import { areaOf, drawCursor, drawNotice, drawSteps, drawValues } from "../charts/axes";
import { Chart } from "../charts/chart";
import { type Curve, drawLine, exploitAt, lastOf, nearest } from "../charts/curves";
import { type At, stepScale } from "../charts/gestures";
import type { Pen } from "../charts/pen";
import { rasterOf } from "../charts/raster";
import { beside } from "../charts/room";
import { linear } from "../charts/scale";
import { drawScores, extent, noneText, scoreKeys, scoresOf, scoreTable } from "../charts/scores";
import { count, number, shortened } from "../parts/format";
import { Legend } from "../parts/legend";
import { say } from "../parts/toast";
import { hover, hovered, lit, MOST, toggle } from "../state/lit";
import { go } from "../state/place";
import { span } from "../state/steps";
import { theme } from "../state/theme";

interface ScoreChartProps {
  name: string;
  data: Columns;
  density: Columns | undefined;
  /** Of all members, where they are few. */
  faint: readonly Curve[];
  /** Of lit members. */
  curves: readonly Curve[];
  maximize: boolean;
  /** Where the scores are of a sub-population: its role. */
  role?: string;
  /** The member whose page this is: drawn as if it were lit. */
  own?: number;
}

const HEIGHT = 320;

export function ScoreChart({ name, data, density, faint, curves, maximize, own, role }: ScoreChartProps) {
  const pointing = useSignal(false);
  const { dark } = theme.value;
  const colours = useMemo(() => (own === undefined ? lit.value : [{ id: own, colour: 0 }]), [own, lit.value]);
  const scores = useMemo(() => scoresOf(data), [data]);
  const raster = useMemo(() => (density ? rasterOf(density, dark) : null), [density, dark]);
  const shown = useMemo(
    () => colours.flatMap((one) => curves.filter((c) => c.member === one.id).map((curve) => ({ ...curve, ...one }))),
    [curves, colours],
  );
  const { ends, cut } = useMemo(() => extent(scores, [...faint, ...curves]), [scores, faint, curves]);

  const scales = (width: number) => {
    const area = areaOf(width, HEIGHT);
    return { area, x: stepScale(width), y: linear(ends ?? [0, 1], [area.bottom, area.top]) };
  };
  const draw = (pen: Pen, { width }: { width: number }) => {
    const { area, x, y } = scales(width);
    drawSteps(pen, x, area, theme.value);
    if (ends) drawValues(pen, y, area, theme.value);
    else drawNotice(pen, noneText(scores), area, theme.value);
    drawScores(pen, { scores, raster, faint, lit: shown }, x, y, area, theme.value);
  };
  const over = (pen: Pen, { width }: { width: number }) => {
    const { area, x, y } = scales(width);
    const { step, member } = hovered.value;
    const { colours } = theme.value;
    if (step !== null) drawCursor(pen, x.of(step), area, theme.value);
    const curve = faint.find((one) => one.member === member) ?? shown.find((one) => one.member === member);
    if (curve === undefined) return;
    pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () =>
      drawLine(pen, curve.step, curve.score, x, y, { color: colours.ink, width: 2 }),
    );
    const at = curve.score.findLastIndex((score) => Number.isFinite(score));
    const end = Math.min(area.bottom, Math.max(area.top, y.of(curve.score[at] ?? 0)));
    pen.rect(area.right + 4, end - 8, 9 + 7 * String(curve.member).length, 16, { color: colours.paper });
    beside(pen, "right", area, String(curve.member), end, { color: colours.ink, bold: true });
  };
  const point = (at: At | null) => {
    if (at === null) {
      hover(null);
      pointing.value = false;
      return;
    }
    const { area, x, y } = scales(at.width);
    if (at.x < area.left || at.x > area.right) return hover(null);
    const curve = nearest([...shown, ...faint], at.x, at.y, x, y);
    hover(x.back(at.x), curve?.member ?? null);
    pointing.value = curve !== null || exploitAt(shown, at.x, at.y, x, y) !== null;
  };
  const click = (at: At) => {
    const { x, y } = scales(at.width);
    const exploit = exploitAt(shown, at.x, at.y, x, y);
    if (exploit) return go({ query: { why: `${exploit.entry}.${exploit.member}` } });
    const curve = nearest([...shown, ...faint], at.x, at.y, x, y);
    if (curve && !toggle(curve.member)) say(`${MOST} members are lit already: put one out first.`);
    return undefined;
  };
  const best = scores.best.score[scores.best.score.length - 1];
  const [from, to] = span.value;
  const said = ends
    ? `Median at the end ${number(lastOf(scores.bands[2]))}${best === undefined ? "" : `, best lineage ${number(best)}`}`
    : noneText(scores);
  return (
    <Chart
      title={role === undefined ? "Score" : `Score, ${shortened(role)}`}
      note={
        <>
          {maximize ? "higher is better" : "lower is better"}
          {cut && ", outermost scores cut off"}
          {shown.length === 0 && (
            <span class="hint">
              ; light a member{faint.length > 0 && ", by a click on its line,"} to see its exploits
            </span>
          )}
          <Near />
        </>
      }
      file={role === undefined ? `${name}-score` : `${name}-score-${role}`}
      sentence={`Scores of ${role === undefined ? "all members" : `the sub-population ${role}`} from step ${count(from)} to ${count(to)}. ${said}. Arrow keys move along the steps, plus and minus zoom, 0 shows all.`}
      table={() => scoreTable(scores, shown)}
      height={HEIGHT}
      draw={draw}
      over={over}
      point={point}
      click={click}
      pointing={pointing.value}
      legend={<Legend keys={scoreKeys(scores, raster !== null, faint.length > 0, shown.length > 0, theme.value)} />}
    />
  );
}

/** The member whose line the pointer is at. */
function Near() {
  const member = useComputed(() => hovered.value.member).value;
  return member === null ? null : <strong> member {member}</strong>;
}
