/** A raster of cells: a row for each member, what it reported at each step; with arcs, who took over whose weights. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { Columns } from "../api/columns";
import type { Domain, Summary } from "../api/shapes";
import { areaOf, drawCursor, drawSteps } from "../charts/axes";
import { Chart } from "../charts/chart";
import { type At, stepScale } from "../charts/gestures";
import type { Pen } from "../charts/pen";
import { beside, reserve } from "../charts/room";
import { arcAt, beyond, drawArcs, pictureOf, rowAt, rowPitch, slotKeys, slotsIn } from "../charts/slots";
import { drawTip } from "../charts/tip";
import { count, counted, number } from "../parts/format";
import { Legend } from "../parts/legend";
import type { Table } from "../parts/table";
import { say } from "../parts/toast";
import { hover, hovered, lit, MOST, toggle } from "../state/lit";
import { go } from "../state/place";
import { theme } from "../state/theme";

/** Members up to which there are arcs. */
const FEW = 32;

interface MemberRasterProps {
  name: string;
  summary: Summary;
  data: Columns;
  title: string;
  /** The pixels of a row, by how many there are. */
  pitch(rows: number): number;
  /** With arcs, where members are few. */
  arcs?: boolean;
  /** Beside the legend. */
  children?: ComponentChildren;
}

export function MemberRaster({ name, summary, data, title, pitch, arcs = false, children }: MemberRasterProps) {
  const slots = useMemo(() => slotsIn(data), [data]);
  const picture = useMemo(() => pictureOf(data, theme.value), [data, theme.value]);
  const few = slots.members.length <= FEW;
  const linked = few && arcs;
  const roomy = few && pitch(slots.rows) > 12;
  const by = String((data.meta as { by: string }).by);
  const height = Math.round(slots.rows * pitch(slots.rows)) + 30;
  const exploit = useSignal<(typeof slots.exploits)[number] | null>(null);
  const scales = (width: number) => ({ area: areaOf(width, height), x: stepScale(width) });
  const draw = (pen: Pen, { width }: { width: number }) => {
    const { area, x } = scales(width);
    const { colours, hues } = theme.value;
    drawSteps(pen, x, area, theme.value);
    if (picture) {
      const [left, right] = [x.of(slots.from - 0.5), x.of(slots.to + 0.5)];
      pen.clip(area.left, area.top, area.right - area.left, area.bottom - area.top, () => {
        pen.image(picture, left, area.top, right - left, area.bottom - area.top);
        const gap = rowPitch(slots, area);
        if (roomy)
          for (let row = 1; row < slots.rows; row += 1)
            pen.rect(area.left, area.top + row * gap - 1.5, area.right - area.left, 3, { color: colours.paper });
      });
    }
    // For any that the pointer may name: nothing moves under it.
    reserve("left", String(Array.from(slots.members).reduce((a, b) => Math.max(a, b), 0)), { bold: true });
    for (const id of labelled(slots.members, roomy)) {
      const one = lit.value.find((each) => each.id === id);
      const color = one ? (hues[one.colour] ?? colours.ink) : colours.soft;
      beside(pen, "left", area, String(id), rowAt(slots, id, area), { color, bold: one !== undefined });
    }
    for (const { id, colour } of lit.value)
      if (!roomy && slots.rowOf.has(id))
        beside(pen, "right", area, `◂ ${id}`, rowAt(slots, id, area), {
          color: hues[colour] ?? colours.ink,
          bold: true,
        });
    if (linked) {
      const busy = slots.exploits.length * 16 > area.right - area.left;
      const ink = { color: "#ffffff", width: busy ? 0.9 : 1.5, opacity: busy ? 0.65 : 1, rim: "#101214" };
      const inside = { left: area.left - 4, width: area.right - area.left + 8 };
      pen.clip(inside.left, area.top, inside.width, area.bottom - area.top, () =>
        drawArcs(pen, slots, x, area, () => true, ink),
      );
    }
  };
  const over = (pen: Pen, { width }: { width: number }) => {
    const { area, x } = scales(width);
    const { colours } = theme.value;
    const { step, member } = hovered.value;
    if (step !== null) drawCursor(pen, x.of(step), area, theme.value);
    if (member !== null && slots.rowOf.has(member)) {
      const half = Math.max(2, rowPitch(slots, area) / 2);
      const y = rowAt(slots, member, area);
      for (const edge of [y - half, y + half])
        pen.rect(area.left, edge - 0.5, area.right - area.left, 1, { color: colours.ink, opacity: 0.7 });
      const mine = { color: colours.accent, width: 2.2, opacity: 1, rim: "#ffffff" };
      if (linked) drawArcs(pen, slots, x, area, (e) => e.member === member || e.parent === member, mine);
      if (!roomy) beside(pen, "left", area, String(member), y, { color: colours.ink, bold: true });
    }
    const one = exploit.value;
    if (one && step !== null)
      drawTip(
        pen,
        [`Member ${one.member} took over from member ${one.parent}`, `at step ${count(one.step)}`],
        x.of(one.step),
        (rowAt(slots, one.member, area) + rowAt(slots, one.parent, area)) / 2,
        area,
        theme.value,
      );
  };
  const memberAt = (at: At): number | null => {
    const { area } = scales(at.width);
    if (at.y < area.top || at.y > area.bottom) return null;
    const place = ((at.y - area.top) / (area.bottom - area.top)) * slots.members.length;
    return slots.members[Math.min(slots.members.length - 1, Math.floor(place))] ?? null;
  };
  const point = (at: At | null) => {
    const { area, x } = scales(at?.width ?? 0);
    if (at === null || at.x > area.right + 4) {
      exploit.value = null;
      return hover(null);
    }
    exploit.value = linked ? arcAt(slots, x, area, at.x, at.y) : null;
    return hover(at.x < area.left ? null : x.back(at.x), exploit.value?.member ?? memberAt(at));
  };
  const click = (at: At) => {
    const { area, x } = scales(at.width);
    const one = linked ? arcAt(slots, x, area, at.x, at.y) : null;
    if (one) return go({ query: { why: `${one.entry}.${one.member}` } });
    const member = memberAt(at);
    if (member !== null && !toggle(member)) say(`${MOST} members are lit already: put one out first.`);
    return undefined;
  };
  return (
    <div class="panel charts">
      <Chart
        title={title}
        note={
          <>
            {by} at each step, a row each
            {slots.rows < slots.members.length && `, neighbours together in ${count(slots.rows)} rows`}
          </>
        }
        sentence={`${by} of ${counted(slots.members.length, "member")} over steps, a row each${linked ? `, with ${counted(slots.exploits.length, "exploit")}` : ""}. ${summary.exploits} exploits in all.`}
        table={() => tableOf(data, linked)}
        file={`${name}-over-steps`}
        height={height}
        draw={draw}
        over={over}
        point={point}
        click={click}
        pointing
        legend={
          <>
            <Legend keys={slotKeys(data, theme.value, linked)} />
            {children}
          </>
        }
      />
      <p class="soft help">
        {linked &&
          "An arc leads from the member whose weights were taken over to the one that took them; a click opens the reason. "}
        {arcs && !few && `Arcs of exploits are drawn for up to ${FEW} members. `}A click on a row lights its member in
        every chart.
      </p>
    </div>
  );
}

/** Rows whose member is named: all of few, else about a dozen. */
function labelled(members: ArrayLike<number>, few: boolean): number[] {
  const every = few ? 1 : Math.max(1, Math.ceil(members.length / 12));
  return Array.from(members).filter((_, i) => i % every === 0);
}

function tableOf(data: Columns, linked: boolean): Table {
  const { members, exploits } = slotsIn(data);
  if (linked && exploits.length)
    return {
      columns: ["step", "member", "took over from", "entry"],
      rows: exploits.map(({ step, member, parent, entry }) => [step, member, parent, entry]),
    };
  const { width, low, high, levels, log, domain } = data.meta as {
    width: number;
    low: number;
    high: number;
    levels: number;
    log: boolean;
    domain: Domain | null;
  };
  const cells = data.columns.get("cell") ?? new Uint8Array(0);
  const rows = Math.max(1, cells.length / width);
  const [below, above] = beyond(data);
  const told = (level: number) => {
    if (level > levels) return null;
    if (domain && "values" in domain) return String(domain.values[level] ?? "");
    if (level === 0 && below) return `≤ ${number(low)}`;
    if (level === levels && above) return `≥ ${number(high)}`;
    const share = level / levels;
    return log ? low * (high / low) ** share : low + (high - low) * share;
  };
  const shown = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * (width - 1)));
  return {
    columns: ["member", ...shown.map((at) => `at ${Math.round((100 * at) / Math.max(1, width - 1))} % of the window`)],
    rows: Array.from({ length: rows }, (_, row) => [
      members[Math.floor((row * members.length) / rows)] ?? null,
      ...shown.map((at) => told(cells[row * width + at] ?? 255)),
    ]),
  };
}
