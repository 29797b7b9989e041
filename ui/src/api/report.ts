/** A report: the page in one file, with all its answers in the file itself. It asks no server. */

import { type Column, type Columns, column, decode, encode } from "./columns";
import type { MemberRow, MembersPage } from "./shapes";
import { real } from "./shapes";

interface Stored {
  media: string;
  /** Base64. */
  body: string;
}

interface Report {
  name: string;
  /** Seconds since 1970. */
  made: number;
  answers: Record<string, Stored>;
}

const element = typeof document === "undefined" ? null : document.getElementById("report");

export const isReport = element !== null;
/** Name of the population, and when the report was made. */
export const about = { name: element?.dataset["name"] ?? "", made: Number(element?.dataset["made"]) };

/** Parts of a query by which answers differ; all else says how much is shown at once. */
const TELLING = ["by", "entry", "member", "role"];

/** Under which an answer is kept; see `pbt/exports/report.py`. */
export function keyOf(view: string, query: URLSearchParams): string {
  const names = view === "raster" && query.get("sort") !== "id" ? [...TELLING, "sort"] : TELLING;
  const told = names.filter((name) => query.has(name)).map((name) => `${name}=${query.get(name)}`);
  return [view, ...told].join("&");
}

/** The answer that a server would give, or one that says why there is none. */
export async function answer(address: string, report: Promise<Pick<Report, "answers">> = load()): Promise<Response> {
  const { pathname, searchParams } = new URL(address, "http://report");
  const view = pathname.split("/").at(-1) ?? "";
  const { answers } = await report;
  if (view === "lines") return lines(answers, searchParams);
  if (view === "raster") return raster(answers, searchParams);
  const held = answers[keyOf(view, searchParams)] ?? null;
  if (held === null) return refusal(`This report does not hold that (${view}): pbt ui shows everything.`);
  return view === "members" ? Response.json(table(pageOf(held), searchParams)) : sent(held);
}

let loaded: Promise<Report> | null = null;

function load(): Promise<Report> {
  loaded ??= unpacked(element?.textContent ?? "");
  return loaded;
}

async function unpacked(text: string): Promise<Report> {
  const stream = new Blob([bytesOf(text.trim())]).stream().pipeThrough(new DecompressionStream("gzip"));
  return (await new Response(stream).json()) as Report;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function sent(held: Stored): Response {
  return new Response(bytesOf(held.body), { headers: { "content-type": held.media } });
}

function pageOf(held: Stored): MembersPage {
  return JSON.parse(new TextDecoder().decode(bytesOf(held.body)));
}

function refusal(error: string): Response {
  return Response.json({ code: "not-found", error }, { status: 404 });
}

/** The curves of some members, out of those that are kept for many together. */
function lines(answers: Record<string, Stored>, query: URLSearchParams): Response {
  const wanted = (query.get("members") ?? "").split(",");
  const found = new Map<string, Column>();
  let last: Columns | null = null;
  for (let part = 0; answers[`lines&part=${part}`] !== undefined; part += 1) {
    last = decode(bytesOf((answers[`lines&part=${part}`] as Stored).body).buffer);
    for (const [name, values] of last.columns) {
      const [, id] = /^m\/(\d+)\//.exec(name) ?? [];
      if (id === undefined || wanted.includes(id)) found.set(name, values);
    }
  }
  if (last === null) return refusal("This report holds no curves of single members: pbt ui shows them.");
  return new Response(encode({ entry: last.entry, columns: found, meta: last.meta }));
}

/** A row for each member in the order of the table; where members share rows, by number or by score, as it is kept. */
function raster(answers: Record<string, Stored>, query: URLSearchParams): Response {
  const plain = new URLSearchParams(query);
  plain.set("sort", "id");
  const [kept, listed] = [answers[keyOf("raster", plain)], answers["members"]];
  const held = kept && decode(bytesOf(kept.body).buffer);
  if (held && listed && held.meta["rows"] === held.meta["members"]) {
    const page = pageOf(listed);
    const all = new URLSearchParams({ ...Object.fromEntries(query), offset: "0", limit: String(page.rows.length) });
    const order = table(page, all).rows.map(({ id }) => id);
    return new Response(encode(reordered(held, order)));
  }
  const found = answers[keyOf("raster", query)];
  if (found === undefined || query.has("filter"))
    return refusal("This report holds the steps of so many members by number and by score alone: pbt ui shows all.");
  return sent(found);
}

/** A raster of all members by number, with the rows of some of them in another order. */
export function reordered(of: Columns, members: readonly number[]): Columns {
  const width = of.meta["width"] as number;
  const cells = column(of, "cell");
  const found = new Uint8Array(width * members.length);
  for (const [row, id] of members.entries()) found.set(cells.subarray(id * width, (id + 1) * width), row * width);
  const columns = new Map(of.columns).set("cell", found).set("member", new Int32Array(members));
  return { ...of, columns, meta: { ...of.meta, rows: members.length, members: members.length } };
}

/** The rows of the table that a server would give: see `pbt/views/members.py`. */
export function table(page: MembersPage, query: URLSearchParams): MembersPage {
  const words = (query.get("filter") ?? "").split(/\s+/).filter(Boolean);
  const kept = page.rows.filter((row) => words.every((word) => [String(row.id), row.state, row.role].includes(word)));
  const sort = query.get("sort") ?? "id";
  const falling = query.get("order") === "desc";
  const keyed = kept.map((row) => [keyIn(row, sort), row] as const);
  const known = keyed.filter(([key]) => key !== null).sort(([a], [b]) => compare(a, b) * (falling ? -1 : 1));
  const rows = [...known, ...keyed.filter(([key]) => key === null)].map(([, row]) => row);
  const offset = Number(query.get("offset") ?? 0);
  return { ...page, total: rows.length, rows: rows.slice(offset, offset + Number(query.get("limit") ?? 100)) };
}

type Key = string | number | null;

function keyIn(row: MemberRow, sort: string): Key {
  if (sort === "state") return row.state;
  if (sort === "id" || sort === "step") return row[sort];
  if (sort === "age") return row.last === null ? null : -row.last;
  const value = sort === "score" ? real(row.score) : row.hyperparameters?.[sort.replace(/^h\//, "")];
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  return value === undefined || value === null ? null : String(value);
}

function compare(a: Key, b: Key): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b));
}
