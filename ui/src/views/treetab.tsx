/** The family tree of those who live. */

import { useComputed, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Columns } from "../api/columns";
import type { Domain, Summary } from "../api/shapes";
import { useColumns } from "../api/view";
import { type Area, areaOf, drawCursor, drawSteps } from "../charts/axes";
import { Chart } from "../charts/chart";
import { byDomain, byKind, byNumber, type Colouring, scoreEnds } from "../charts/colouring";
import { type At, stepScale } from "../charts/gestures";
import type { Pen } from "../charts/pen";
import { drawTip } from "../charts/tip";
import {
  drawExtinct,
  drawLineage,
  drawNames,
  drawTree,
  KIND,
  recordAt,
  rowsOf,
  type Tree,
  treeOf,
  walked,
} from "../charts/tree";
import { count, counted, number, value as text } from "../parts/format";
import { Legend } from "../parts/legend";
import { missing } from "../parts/notices";
import type { Table } from "../parts/table";
import { say } from "../parts/toast";
import { hover, hovered, lit, MOST, toggle } from "../state/lit";
import { go } from "../state/place";
import { asked, zoom } from "../state/steps";
import { type Theme, theme } from "../state/theme";
import { colourBy } from "./colours";

interface TreeTabProps {
  name: string;
  summary: Summary;
  domains: Record<string, Domain>;
}

const ROWS = 250;
const TALLEST = 620;
const PITCH = 18;
/** The strip of those who died out, with what is above it. */
const STRIP = 64;
const AXIS = 24;

export function TreeTab({ name, summary, domains }: TreeTabProps) {
  const { kind, name: by } = colourBy(domains);
  const query = { ...asked.value, limit: ROWS, ...(kind === "value" && { by }) };
  const held = useColumns(name, "tree", query).value;
  if (held.data === undefined) return missing(held, "family");
  return <TreeChart name={name} summary={summary} data={held.data} by={kind === "value" ? by : ""} domains={domains} />;
}

type TreeChartProps = TreeTabProps & { data: Columns; by: string };

function TreeChart({ name, summary, data, by, domains }: TreeChartProps) {
  const tree = useMemo(() => treeOf(data), [data]);
  const at = useSignal(-1);
  const { kind } = colourBy(domains);
  const domain = domains[by];
  const coloured = (paint: Theme) => colouring(tree, kind, domain, paint);
  const paint = useMemo(() => coloured(theme.value), [tree, kind, domain, theme.value]);
  const height = Math.max(120, Math.min(TALLEST, tree.rows * PITCH + 40)) + STRIP + AXIS;
  const areas = (width: number) => {
    const whole = areaOf(width, height);
    return {
      whole,
      tree: { ...whole, bottom: whole.bottom - STRIP },
      strip: { ...whole, top: whole.bottom - STRIP + 22 },
    };
  };
  /** The record under the pointer or the keys; else, where another chart names a member, its own. */
  const shown = useComputed(() => {
    if (at.value >= 0 && at.value < tree.row.length) return at.value;
    const { member } = hovered.value;
    return member === null ? -1 : (tree.leafOf.get(member) ?? -1);
  });
  const draw = (pen: Pen, { width }: { width: number }) => {
    const { whole, tree: area, strip } = areas(width);
    const x = stepScale(width);
    const rows = rowsOf(tree, area);
    drawSteps(pen, x, whole, theme.value);
    drawTree(pen, tree, rows, x, area, coloured(theme.value), theme.value);
    for (const { id, colour } of lit.value) {
      const leaf = tree.leafOf.get(id);
      const hue = theme.value.hues[colour] ?? theme.value.colours.ink;
      if (leaf !== undefined) drawLineage(pen, tree, rows, x, area, leaf, hue, 2, true);
    }
    drawNames(pen, tree, rows, x, area, theme.value);
    drawExtinct(pen, tree, x, strip, theme.value);
    pen.text("Died out", strip.left, strip.top - 5, { color: theme.value.colours.soft });
  };
  const over = (pen: Pen, { width }: { width: number }) => {
    const { whole, tree: area } = areas(width);
    const x = stepScale(width);
    const rows = rowsOf(tree, area);
    const { step } = hovered.value;
    if (step !== null) drawCursor(pen, x.of(step), whole, theme.value);
    const record = shown.value;
    if (record < 0) {
      if (step !== null && pointing.value === "strip") tipExtinct(pen, tree, step, x.of(step), areas(width).strip);
      return;
    }
    drawLineage(pen, tree, rows, x, area, record, theme.value.colours.paper, 5);
    drawLineage(pen, tree, rows, x, area, record, theme.value.colours.ink);
    const place = Math.min(area.right, Math.max(area.left, x.of(step ?? (tree.end[record] as number))));
    const words = wordsOf(tree, record, by, domain);
    if (at.value >= 0) drawTip(pen, words, place, rows.of(tree.row[record] as number), area, theme.value);
  };
  const pointing = useSignal<"" | "record" | "strip">("");
  const point = (where: At | null) => {
    const { tree: area, strip } = areas(where?.width ?? 0);
    if (where === null || where.x < area.left - 4 || where.x > area.right + 40) {
      at.value = -1;
      pointing.value = "";
      return hover(null);
    }
    const x = stepScale(where.width);
    const record = where.y > area.bottom + 4 ? -1 : recordAt(tree, rowsOf(tree, area), x, where.x, where.y);
    at.value = record;
    pointing.value = record >= 0 ? "record" : where.y >= strip.top - 6 ? "strip" : "";
    return hover(x.back(Math.min(where.x, area.right)), record < 0 ? null : (tree.member[record] as number));
  };
  const click = (where: At) => {
    const { tree: area, strip } = areas(where.width);
    if (where.y >= strip.top - 6) return openExtinct(tree, stepScale(where.width).back(where.x));
    if (where.y > area.bottom + 4) return;
    const record = recordAt(tree, rowsOf(tree, area), stepScale(where.width), where.x, where.y);
    if (record >= 0) open(tree, record);
  };
  const press = (event: KeyboardEvent): boolean => {
    if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key.startsWith("Arrow")) {
      const next = at.value < 0 ? firstOf(tree) : walked(tree, at.value, event.key);
      if (next >= 0) {
        at.value = next;
        hover(tree.end[next] as number, tree.member[next] as number);
      }
      return true;
    }
    if (at.value < 0) return false;
    if (event.key === "Enter") open(tree, at.value);
    else if (event.key === "l") light(tree.member[at.value] as number);
    else if (event.key === "d") openExtinct(tree, tree.end[at.value] as number);
    else return false;
    return true;
  };
  const spoken = at.value < 0 ? "" : wordsOf(tree, at.value, by, domain).join(", ");
  return (
    <div class="panel charts">
      <Chart
        title="Tree"
        note={noteOf(tree)}
        sentence={sentenceOf(tree, summary)}
        table={() => tableOf(tree, by)}
        file={`${name}-tree`}
        height={height}
        draw={draw}
        over={over}
        point={point}
        click={click}
        press={press}
        pointing={pointing.value !== ""}
        legend={
          <Legend keys={[{ text: "best lineage", mark: "line", color: theme.value.colours.accent }, ...paint.keys]} />
        }
      />
      <p class="hidden" role="status">
        {spoken}
      </p>
      <p class="soft help">
        A line is a member between two take-overs; a click on it opens the reason of its beginning. Width: living
        descendants. {tree.rows < tree.leaves && "A wedge holds several lineages; a click on it zooms in. "}
        Arrow keys walk the tree, Enter opens, L lights the member. A click on the grey area, or D, lists what died out
        at that step.
      </p>
    </div>
  );
}

function colouring(tree: Tree, kind: "score" | "clade" | "value", domain: Domain | undefined, paint: Theme): Colouring {
  if (kind === "clade") {
    const names = tree.clades.map(({ member, step }) => `${member} from step ${count(step)}`);
    return byKind(tree.clade, names, paint, "others");
  }
  if (kind === "value" && domain && tree.value.length) return byDomain(tree.value, domain, paint);
  const scores = byNumber(tree.score, scoreEnds(tree.score, tree.maximize), paint, !tree.maximize);
  return { ...scores, keys: scores.keys.map((key) => ({ ...key, text: `score ${key.text}` })) };
}

function open(tree: Tree, at: number): void {
  if ((tree.kind[at] as number) & KIND.wedge) zoom([tree.begin[at] as number, tree.end[at] as number], true);
  else go({ query: { why: `${tree.entry[at]}.${tree.member[at]}` } });
}

function light(member: number): void {
  if (!toggle(member)) say(`${MOST} members are lit already: put one out first.`);
}

/** Where keys begin: how the lineage on top stands. */
function firstOf(tree: Tree): number {
  return tree.byRow[0]?.findLast((i) => (tree.kind[i] as number) & KIND.top) ?? tree.byRow[0]?.[0] ?? -1;
}

function wordsOf(tree: Tree, at: number, by: string, domain: Domain | undefined): string[] {
  const [member, kind, begin] = [tree.member[at], tree.kind[at] as number, tree.begin[at] as number];
  const parent = tree.parent[at] as number;
  const living = counted(tree.living[at] as number, "living member");
  const descend = (tree.living[at] as number) === 1 ? "descends" : "descend";
  const found: string[] = [];
  if (kind & KIND.wedge) found.push(`${living} in several lineages`, `from step ${count(begin)} on`);
  else {
    found.push(`Member ${member}, step ${count(begin)} to ${count(tree.end[at] as number)}`);
    if (kind & KIND.taken && parent >= 0) found.push(`took over member ${tree.member[parent]}'s weights`);
    found.push(
      kind & KIND.leaf
        ? `as it stands${(tree.living[at] as number) > 1 ? `; ${living} ${descend}` : ""}`
        : `${living} ${descend}`,
    );
  }
  const score = tree.score[at] as number;
  const value = tree.value[at];
  const shown = domain && "values" in domain ? text(domain.values[Math.round(value ?? Number.NaN)]) : number(value);
  found.push(`score ${number(score)}${by && value !== undefined ? `, ${by} ${shown}` : ""}`);
  return found;
}

/** The bin of the strip that is nearest to a step. */
function binAt(tree: Tree, step: number): number {
  let near = 0;
  for (let i = 0; i < tree.bin.length; i += 1)
    if (Math.abs((tree.bin[i] as number) - step) < Math.abs((tree.bin[near] as number) - step)) near = i;
  return near;
}

function openExtinct(tree: Tree, step: number): void {
  const at = binAt(tree, step);
  if (tree.extinct[at]) go({ query: { gone: String(Math.round(tree.bin[at] as number)) } });
}

function tipExtinct(pen: Pen, tree: Tree, step: number, x: number, strip: Area): void {
  const n = tree.extinct[binAt(tree, step)] ?? 0;
  drawTip(pen, [`Step ${count(step)}: ${count(n)} died out`], x, strip.top, strip, theme.value);
}

function noteOf(tree: Tree): string {
  const extinct = tree.segments - tree.row.length;
  const rows = tree.rows < tree.leaves ? `, in ${count(tree.rows)} rows` : "";
  return `${counted(tree.leaves, "living member")}${rows}${extinct > 0 ? `; ${count(tree.segments)} segments in all` : ""}`;
}

function sentenceOf(tree: Tree, { ancestor, best }: Summary): string {
  const met = ancestor
    ? `All descend from member ${ancestor.member} at step ${count(ancestor.step)}.`
    : "Several founders have living descendants.";
  const top = best ? ` The lineage of the best, member ${best.member}, is on top.` : "";
  return `Family tree of ${counted(tree.leaves, "living member")} over steps. ${met}${top} Arrow keys walk the tree, Enter opens the reason.`;
}

function tableOf(tree: Tree, by: string): Table {
  const named = by ? [by] : [];
  return {
    columns: ["member", "from step", "to step", "parent", "living descendants", "score", ...named, "entry", "on top"],
    rows: Array.from(tree.row, (_, i) => {
      const parent = tree.parent[i] as number;
      const of = (column: Tree["member"]) => column[i] ?? null;
      const mine = by ? [of(tree.value)] : [];
      return [
        of(tree.member),
        of(tree.begin),
        of(tree.end),
        parent < 0 ? null : (tree.member[parent] ?? null),
        of(tree.living),
        of(tree.score),
        ...mine,
        of(tree.entry),
        (tree.kind[i] as number) & KIND.top ? "yes" : "",
      ];
    }),
  };
}
