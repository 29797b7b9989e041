/** The ranking that a decision saw: scores from the best to the worst, with the cut, the member and its parent. */

import { type Reason, real } from "../api/shapes";
import { padded } from "../charts/scale";
import { count, number } from "../parts/format";

interface StripProps {
  seen: Reason["seen"];
  member: number;
  parent: number | undefined;
}

const WIDTH = 400;
const HEIGHT = 132;
const TOP = 22;
const BOTTOM = HEIGHT - 24;
const EDGE = 6;
/** Members up to which each is a mark of its own. */
const FEW = 80;

export function RankStrip({ seen, member, parent }: StripProps) {
  const n = seen.ids.length;
  const scores = seen.scores.map(real);
  const finite = scores.filter(Number.isFinite);
  const [low, high] = padded(Math.min(...finite), Math.max(...finite), 0.08);
  const place = (i: number) => EDGE + ((i + 0.5) / n) * (WIDTH - 2 * EDGE);
  const height = (score: number) =>
    Number.isFinite(score) ? BOTTOM - ((score - low) / (high - low)) * (BOTTOM - TOP) : BOTTOM;
  const at = (id: number | undefined) => (id === undefined ? -1 : seen.ids.indexOf(id));
  const cut = EDGE + ((n - seen.low.length) / n) * (WIDTH - 2 * EDGE);
  const top = EDGE + (seen.parents.length / n) * (WIDTH - 2 * EDGE);
  const said = `${count(n)} members by score${seen.low.length ? `, the last ${count(seen.low.length)} below the cut` : ""}. ${rankOf("Member", member, at(member), n, scores)} ${parent === undefined ? "" : rankOf("Its parent, member", parent, at(parent), n, scores)}`;
  return (
    <section class="strip">
      <h3>Ranking that it saw</h3>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={said}>
        {seen.parents.length > 0 && (
          <rect x={EDGE} y={TOP} width={top - EDGE} height={BOTTOM - TOP} class="zone parents" />
        )}
        {seen.low.length > 0 && (
          <rect x={cut} y={TOP} width={WIDTH - EDGE - cut} height={BOTTOM - TOP} class="zone low" />
        )}
        <line x1={EDGE} x2={WIDTH - EDGE} y1={BOTTOM} y2={BOTTOM} class="axis" />
        {n <= FEW ? (
          scores.map((score, i) => (
            <line key={i} x1={place(i)} x2={place(i)} y1={BOTTOM} y2={height(score)} class="stem" />
          ))
        ) : (
          <polyline
            points={scores.map((score, i) => `${place(i).toFixed(1)},${height(score).toFixed(1)}`).join(" ")}
            class="all"
          />
        )}
        {seen.low.length > 0 && <line x1={cut} x2={cut} y1={TOP - 6} y2={BOTTOM} class="cut" />}
        <Mark kind="parent" i={at(parent)} x={place} y={height} scores={scores} text={`member ${parent}`} />
        <Mark kind="victim" i={at(member)} x={place} y={height} scores={scores} text={`member ${member}`} />
        <text x={EDGE} y={HEIGHT - 8}>
          rank 1, {number(seen.scores[0], 3)}
        </text>
        <text x={WIDTH - EDGE} y={HEIGHT - 8} text-anchor="end">
          rank {count(n)}, {number(seen.scores[n - 1], 3)}
        </text>
      </svg>
      <p class="soft zones">
        {seen.parents.length > 0 && (
          <span class="z parents">the first {count(seen.parents.length)}: may be parents</span>
        )}
        {seen.low.length > 0 && <span class="z low">the last {count(seen.low.length)}: below the cut</span>}
      </p>
    </section>
  );
}

function rankOf(who: string, id: number, i: number, n: number, scores: number[]): string {
  return i < 0
    ? `${who} ${id} was not ranked.`
    : `${who} ${id} ranked ${count(i + 1)} of ${count(n)} with ${number(scores[i])}.`;
}

interface MarkProps {
  kind: "parent" | "victim";
  i: number;
  x: (i: number) => number;
  y: (score: number) => number;
  scores: number[];
  text: string;
}

/** ○ for the parent, ▽ for the member, as in the charts. */
function Mark({ kind, i, x, y, scores, text }: MarkProps) {
  if (i < 0) return null;
  const [left, top] = [x(i), y(scores[i] ?? Number.NaN)];
  const anchor = left < 60 ? "start" : left > WIDTH - 60 ? "end" : "middle";
  const near = anchor === "start" ? left - 4 : anchor === "end" ? left + 4 : left;
  return (
    <g class={kind}>
      {kind === "parent" ? (
        <circle cx={left} cy={top} r="4.5" />
      ) : (
        <path d={`M${left - 5.5} ${top - 4.5}H${left + 5.5}L${left} ${top + 5}Z`} />
      )}
      <text x={near} y={Math.max(10, top - 9)} text-anchor={anchor}>
        {text}
      </text>
    </g>
  );
}
