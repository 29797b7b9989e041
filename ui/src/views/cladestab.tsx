/** Shares of clades over steps. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Columns } from "../api/columns";
import type { Summary } from "../api/shapes";
import { useColumns } from "../api/view";
import { areaOf, drawCursor, drawSteps, drawValues } from "../charts/axes";
import { Chart } from "../charts/chart";
import { cladeAt, drawCladeNames, drawLitClade, drawStack, nearestBin, type Stack, stackOf } from "../charts/clades";
import { hueOf } from "../charts/colouring";
import { type At, stepScale } from "../charts/gestures";
import { percents } from "../charts/labels";
import type { Pen } from "../charts/pen";
import { linear } from "../charts/scale";
import { drawTip } from "../charts/tip";
import { count, counted, percent } from "../parts/format";
import { missing } from "../parts/notices";
import { hover, hovered } from "../state/lit";
import { go } from "../state/place";
import { asked } from "../state/steps";
import { theme } from "../state/theme";

const HEIGHT = 420;
const MOST = 12;

export function CladesTab({ name, summary }: { name: string; summary: Summary }) {
  const held = useColumns(name, "clades", { ...asked.value, most: MOST }).value;
  if (held.data === undefined) return missing(held, "family");
  return <Clades name={name} summary={summary} data={held.data} />;
}

function Clades({ name, summary, data }: { name: string; summary: Summary; data: Columns }) {
  const stack = useMemo(() => stackOf(data), [data]);
  const n = stack.clades.length;
  const over = useSignal<{ clade: number; y: number }>({ clade: -1, y: 0 });
  const scales = (width: number) => {
    const area = areaOf(width, HEIGHT);
    return { area, x: stepScale(width), y: linear([0, 1], [area.bottom, area.top], percents) };
  };
  const draw = (pen: Pen, { width }: { width: number }) => {
    const { area, x, y } = scales(width);
    drawSteps(pen, x, area, theme.value);
    drawStack(pen, stack, x, y, area, theme.value);
    drawCladeNames(pen, stack, x, y, area, theme.value);
    drawValues(pen, y, { ...area, right: area.left }, theme.value);
  };
  const above = (pen: Pen, { width }: { width: number }) => {
    const { area, x, y } = scales(width);
    const { step } = hovered.value;
    const { clade, y: py } = over.value;
    if (clade >= 0 && clade < n) drawLitClade(pen, stack, clade, x, y, area, theme.value);
    if (step === null) return;
    drawCursor(pen, x.of(step), area, theme.value);
    if (clade >= 0) drawTip(pen, wordsOf(stack, clade, step), x.of(step), py, area, theme.value);
  };
  const point = (at: At | null) => {
    const { area, x, y } = scales(at?.width ?? 0);
    const inside = at !== null && at.x >= area.left && at.x <= area.right;
    const step = inside ? x.back(at.x) : null;
    const clade = inside && step !== null ? cladeAt(stack, step, y.back(at.y)) : -1;
    over.value = { clade, y: at?.y ?? 0 };
    hover(step, stack.clades[clade]?.member ?? null);
  };
  const click = (at: At) => {
    const { x, y } = scales(at.width);
    const clade = stack.clades[cladeAt(stack, x.back(at.x), y.back(at.y))];
    if (clade) go({ query: { why: `${clade.entry}.${clade.member}` } });
  };
  return (
    <>
      <div class="panel charts">
        <Chart
          title="Clades"
          note="share of the members that descend from each; a clade surrounds those that arose within it"
          sentence={sentenceOf(stack, summary)}
          table={() => ({
            columns: [
              "step",
              ...stack.clades.map(({ member, step }) => `member ${member} from step ${step}`),
              "others",
            ],
            rows: Array.from(stack.step, (step, i) => [step, ...stack.shares.map((share) => share[i] ?? null)]),
          })}
          file={`${name}-clades`}
          height={HEIGHT}
          draw={draw}
          over={above}
          point={point}
          click={click}
          pointing={over.value.clade >= 0 && over.value.clade < n}
        />
      </div>
      <section class="panel scroll clades" aria-label="The clades that are told apart" tabIndex={0}>
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Clade</th>
              <th scope="col" class="n">
                From step
              </th>
              <th scope="col">Within</th>
              <th scope="col" class="n">
                Living members
              </th>
              <th scope="col">Began</th>
            </tr>
          </thead>
          <tbody>
            {stack.clades.map((clade, k) => (
              <tr key={clade.entry + clade.member / 1e6}>
                <th scope="row">
                  <span class="dot" style={{ background: hueOf(k, n, theme.value) }} /> member {clade.member}
                </th>
                <td class="n">{count(clade.step)}</td>
                <td class="soft">{clade.within < 0 ? "–" : `member ${stack.clades[clade.within]?.member}`}</td>
                <td class="n">{clade.living ? count(clade.living) : "died out"}</td>
                <td>
                  <button
                    type="button"
                    class="plain"
                    onClick={() => go({ query: { why: `${clade.entry}.${clade.member}` } })}
                  >
                    {clade.step === 0 ? "birth" : "reason"}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function wordsOf(stack: Stack, k: number, step: number): string[] {
  const clade = stack.clades[k];
  const share = stack.shares[k]?.[nearestBin(stack.step, step)] ?? Number.NaN;
  const said = `${percent(share)} of the members at step ${count(step)}`;
  if (clade === undefined) return ["Others", said];
  const living = clade.living ? `${counted(clade.living, "living member")}` : "died out";
  return [`Descendants of member ${clade.member}, from step ${count(clade.step)}`, said, living];
}

function sentenceOf({ clades }: Stack, { members }: Summary): string {
  const living = clades.filter((clade) => clade.living > 0);
  const most = living.reduce((a, b) => (b.living > a.living ? b : a), living[0] ?? clades[0] ?? NOBODY);
  return `Shares of ${counted(clades.length, "clade")} over steps; ${living.length} of them have living members. The largest now is that of member ${most.member} from step ${count(most.step)}, with ${count(most.living)} of ${counted(members, "member")}.`;
}

const NOBODY = { member: 0, step: 0, entry: 0, within: -1, living: 0 };
