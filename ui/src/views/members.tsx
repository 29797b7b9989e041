/** The table of members, sorted and filtered by the server; only the rows that are seen are asked for. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { addressOf, get } from "../api/http";
import { type Domain, domainsOf, type MemberRow, type MembersPage } from "../api/shapes";
import { useColumns, useView } from "../api/view";
import { csvOf, save } from "../charts/download";
import { Bar } from "../parts/bar";
import { ago, count, counted, number, shortened, value } from "../parts/format";
import { Link } from "../parts/link";
import { missing, Notice } from "../parts/notices";
import { now } from "../parts/now";
import { Spark } from "../parts/spark";
import { Status } from "../parts/status";
import { say } from "../parts/toast";
import { hover, isLit, lit, MOST, toggle } from "../state/lit";
import { go, place } from "../state/place";
import { asked as steps } from "../state/steps";
import { theme } from "../state/theme";
import { Colours, colourBy } from "./colours";
import { MemberRaster } from "./memberraster";
import type { ViewProps } from "./registry";

/** Rows of one request, and pixels of a row. */
const PAGE = 100;
export const ROW = 38;
/** Hyperparameters with a column each. They stand last: what all members have is seen without scrolling. */
const COLUMNS = 30;

export function MembersView({ name, summary }: ViewProps) {
  const { query } = place.value;
  const sort = query["sort"] ?? "score";
  const order = query["order"] ?? (sort === "score" && summary.settings?.maximize ? "desc" : "asc");
  const filter = query["filter"] ?? "";
  const top = useSignal(0);
  const [rows, view] = usePages(name, { sort, order, ...(filter && { filter }) }, top.value);
  const domains = Object.entries(domainsOf(summary.settings));
  const shown = domains.slice(0, COLUMNS);
  const columns: Column[] = [
    { id: "id", text: "Member" },
    { id: "score", text: "Score" },
    { id: "state", text: "State" },
    { id: "step", text: "Step" },
    { id: "", text: "Scores" },
    { id: "", text: "From" },
    { id: "age", text: "Last report" },
    ...shown.map(([of]) => ({ id: `h/${of}`, text: shortened(of, 20), bar: true })),
  ];
  const total = view.data?.total ?? 0;
  return (
    <>
      <div class="title">
        <h1>Members</h1>
        <span class="soft">
          {filter ? `${count(total)} of ${counted(summary.members, "member")}` : counted(summary.members, "member")}
          {domains.length > COLUMNS && `, the first ${COLUMNS} of ${domains.length} hyperparameters`}
        </span>
        <Filter filter={filter} />
        <button type="button" onClick={() => download(name, { sort, order, filter }, domains)}>
          CSV
        </button>
      </div>
      {summary.reports > 0 && total > 0 && (
        <OverSteps name={name} summary={summary} query={{ sort, order, ...(filter && { filter }) }} />
      )}
      {missing(view, "members") ?? (
        <div class="panel">
          <Rows columns={columns} sort={sort} order={order} rows={rows} total={total} domains={shown} top={top} />
          {total === 0 && (
            <Notice title="No member matches">
              <p>A word is a member’s number, its state or its role.</p>
            </Notice>
          )}
        </div>
      )}
    </>
  );
}

/** Rows of the raster above the table at most, and pixels of all of them together. */
const RASTER = 180;

/** What the members reported at each step, in the order of the table. */
function OverSteps({ name, summary, query }: ViewProps & { query: Asked }) {
  const domains = domainsOf(summary.settings);
  const { kind, name: by } = colourBy(domains);
  const asked = { ...steps.value, ...query, rows: RASTER, ...(kind === "value" && { by }) };
  const held = useColumns(name, "raster", asked).value;
  if (held.data === undefined) return missing(held, "members");
  return (
    <MemberRaster
      name={name}
      summary={summary}
      data={held.data}
      title="Over steps"
      pitch={(rows) => Math.min(16, RASTER / rows)}
    >
      <Colours domains={domains} clades={false} />
    </MemberRaster>
  );
}

interface Column {
  /** By which the server sorts; "": by this one it does not. */
  id: string;
  text: string;
  bar?: boolean;
}

type Asked = Record<string, string>;

/** The pages around the top row: one, or two where the window spans both. */
function usePages(name: string, asked: Asked, top: number) {
  const page = Math.floor(top / PAGE);
  const next = Math.floor((top + VISIBLE) / PAGE);
  const query = (of: number) => ({ ...asked, limit: PAGE, offset: of * PAGE });
  const first = useView<MembersPage>(name, "members", query(page)).value;
  const second = useView<MembersPage>(name, "members", next === page ? null : query(next)).value;
  const rows = new Map<number, MemberRow>();
  for (const held of [second, first]) {
    const offset = Number(new URLSearchParams(held.address?.split("?")[1]).get("offset"));
    for (const [i, row] of (held.data?.rows ?? []).entries()) rows.set(offset + i, row);
  }
  return [rows, first] as const;
}

/** Rows that are drawn: some more than fit a tall window. */
const VISIBLE = 60;

interface RowsProps {
  columns: readonly Column[];
  sort: string;
  order: string;
  rows: ReadonlyMap<number, MemberRow>;
  total: number;
  domains: readonly [string, Domain][];
  top: { value: number };
}

function Rows({ columns, sort, order, rows, total, domains, top }: RowsProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.scrollTo(0, 0);
    top.value = 0;
  }, [sort, order, top]);
  const first = Math.max(0, Math.min(top.value, total - 1));
  const last = Math.min(total, first + VISIBLE);
  const places = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
  return (
    <div
      class="scroll members"
      ref={box}
      tabIndex={0}
      role="region"
      aria-label="Table of members"
      onScroll={(event) => {
        top.value = Math.max(0, Math.floor(event.currentTarget.scrollTop / ROW) - 10);
      }}
    >
      <table aria-rowcount={total + 1}>
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Lit</span>
            </th>
            {columns.map((column) => (
              <Header key={column.text} column={column} sort={sort} order={order} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Space rows={first} />
          {places.map((i) => (
            <Row key={i} place={i} row={rows.get(i)} domains={domains} columns={columns.length} />
          ))}
          <Space rows={total - last} />
        </tbody>
      </table>
    </div>
  );
}

/** Rows that are not drawn. */
function Space({ rows }: { rows: number }) {
  return rows > 0 ? (
    <tr class="space" style={{ height: `${rows * ROW}px` }}>
      <td />
    </tr>
  ) : null;
}

function Header({ column, sort, order }: { column: Column; sort: string; order: string }) {
  const by = column.id !== "" && column.id === sort;
  const numbers = !["state", ""].includes(column.id) && !column.bar;
  const said = by ? (order === "desc" ? "descending" : "ascending") : undefined;
  return (
    <th scope="col" class={numbers ? "n" : ""} aria-sort={said}>
      {column.id ? (
        <button
          type="button"
          class="sort"
          onClick={() =>
            go({ query: { sort: column.id, order: by && order === "asc" ? "desc" : "asc" } }, { replace: true })
          }
        >
          {column.text}
          <span aria-hidden="true">{by ? (order === "desc" ? "↓" : "↑") : ""}</span>
        </button>
      ) : (
        column.text
      )}
    </th>
  );
}

interface RowProps {
  place: number;
  row: MemberRow | undefined;
  domains: readonly [string, Domain][];
  columns: number;
}

function Row({ place: at, row, domains, columns }: RowProps) {
  if (row === undefined)
    return (
      <tr aria-rowindex={at + 2} class="pending">
        <td colSpan={columns + 1}>…</td>
      </tr>
    );
  return (
    <tr aria-rowindex={at + 2} onPointerEnter={() => hover(null, row.id)} onPointerLeave={() => hover(null)}>
      <td class="light">
        <Light member={row.id} />
      </td>
      <th scope="row" class="n">
        <Link to={{ view: "member", query: { member: String(row.id) } }} label={`Member ${row.id}`}>
          {row.id}
        </Link>
      </th>
      <td class="n strong">{number(row.score)}</td>
      <td>
        <Status state={row.state} />
        {row.role && <span class="soft"> {shortened(row.role, 20)}</span>}
      </td>
      <td class="n">{count(row.step)}</td>
      <td>
        {row.spark.length > 1 && (
          <Spark scores={row.spark} width={90} height={22} label={`Scores of member ${row.id}`} />
        )}
      </td>
      <td class="soft" title={row.why ?? ""}>
        {row.parent === null ? "–" : `member ${row.parent}`}
      </td>
      <td class="n soft">{ago(row.last, now.value)}</td>
      {domains.map(([name, domain]) => (
        <td key={name}>
          <Bar domain={domain} value={row.hyperparameters?.[name]} />
        </td>
      ))}
    </tr>
  );
}

function Light({ member }: { member: number }) {
  const colour = lit.value.find(({ id }) => id === member)?.colour;
  return (
    <button
      type="button"
      class="lamp"
      aria-pressed={isLit(member)}
      aria-label={`Light member ${member} in the charts`}
      onClick={() => {
        if (!toggle(member)) say(`${MOST} members are lit already: put one out first.`);
      }}
    >
      <span class="dot" style={colour === undefined ? {} : { background: theme.value.hues[colour] ?? "" }} />
    </button>
  );
}

function Filter({ filter }: { filter: string }) {
  return (
    <input
      type="search"
      placeholder="Number, state or role"
      aria-label="Filter members"
      value={filter}
      onInput={(event) => go({ query: { filter: event.currentTarget.value || undefined } }, { replace: true })}
    />
  );
}

/** The whole table, page by page, as a file. */
async function download(name: string, asked: Asked, domains: readonly [string, Domain][]): Promise<void> {
  const rows: MemberRow[] = [];
  for (let total = 1; rows.length < total; ) {
    const query = { ...asked, limit: 500, offset: rows.length };
    const page = (await (await get(addressOf(name, "views/members", query))).json()) as MembersPage;
    if (page.rows.length === 0) break;
    rows.push(...page.rows);
    total = page.total;
  }
  const columns = ["member", "score", "step", "state", "role", ...domains.map(([of]) => of), "parent", "why"];
  const cells = rows.map((row) => [
    row.id,
    typeof row.score === "number" ? row.score : (row.score ?? null),
    row.step,
    row.state,
    row.role,
    ...domains.map(([of]) => {
      const held = row.hyperparameters?.[of];
      return typeof held === "number" ? held : value(held);
    }),
    row.parent,
    row.why,
  ]);
  save(`${name}-members.csv`, new Blob([csvOf({ columns, rows: cells })], { type: "text/csv;charset=utf-8" }));
}
