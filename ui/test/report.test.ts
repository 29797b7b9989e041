import { expect, test } from "vitest";
import { type Column, decode, encode } from "../src/api/columns";
import { answer, keyOf, reordered, table } from "../src/api/report";
import type { MemberRow } from "../src/api/shapes";

const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
const json = (of: unknown) => ({
  media: "application/json",
  body: base64(new TextEncoder().encode(JSON.stringify(of))),
});
const packed = (columns: [string, Column][]) => ({
  media: "application/vnd.pbt.columns",
  body: base64(new Uint8Array(encode({ entry: 7, columns: new Map(columns), meta: { ü: "#" } }))),
});

function row(id: number, score: number | "nan", more: Partial<MemberRow> = {}): MemberRow {
  return {
    id,
    score,
    step: id,
    state: "done",
    role: null,
    hyperparameters: { lr: -id },
    last: id,
    ...more,
  } as MemberRow;
}

test("columns come back as they were written", () => {
  const columns: [string, Column][] = [
    ["a", new Float32Array([1, 2.5, Number.NaN])],
    ["ü", new Uint8Array([1, 2, 3])],
    ["b", new Float64Array([])],
    ["c", new Int32Array([-1])],
  ];
  const found = decode(encode({ entry: 3, columns: new Map(columns), meta: { x: [1] } }));
  expect([found.entry, found.meta]).toEqual([3, { x: [1] }]);
  expect([...found.columns]).toEqual(columns);
});

test("an answer is found by what tells it from others, whatever its window", async () => {
  const query = (text: string) => new URLSearchParams(text);
  expect(keyOf("series", query("from=1&to=2&width=600"))).toBe("series");
  expect(keyOf("tree", query("limit=250&by=lr"))).toBe("tree&by=lr");
  expect(keyOf("raster", query("rows=600&sort=id&order=asc"))).toBe("raster");
  expect(keyOf("raster", query("rows=600&sort=score&order=asc&by=lr"))).toBe("raster&by=lr&sort=score");
  const report = Promise.resolve({ answers: { "reason&entry=4&member=2": json({ entry: 4 }) } });
  const found = await answer("/api/v1/populations/a%20b/views/reason?member=2&entry=4", report);
  expect(await found.json()).toEqual({ entry: 4 });
  const none = await answer("/api/v1/populations/a/views/reason?member=9&entry=4", report);
  expect([none.status, (await none.json()).error]).toEqual([404, expect.stringContaining("does not hold")]);
});

test("curves are those of the members that are asked for", async () => {
  const part = (id: number) =>
    packed([
      [`m/${id}/score`, new Float32Array([id])],
      ["best", new Float32Array([0])],
    ]);
  const report = Promise.resolve({ answers: { "lines&part=0": part(1), "lines&part=1": part(60) } });
  const found = await answer("/api/v1/populations/a/views/lines?members=60,2", report);
  const { entry, columns, meta } = decode(await found.arrayBuffer());
  expect([entry, [...columns.keys()].sort(), meta]).toEqual([7, ["best", "m/60/score"], { ü: "#" }]);
});

test("members are sorted and filtered as the server does it, what is not known last", () => {
  const rows = [row(0, 0.5), row(1, "nan"), row(2, 0.9, { state: "failed" }), row(3, 0.7, { role: "scout" })];
  const ids = (query: string) => {
    const found = table({ entry: 1, total: 4, rows }, new URLSearchParams(query));
    return [found.total, found.rows.map((one) => one.id)];
  };
  expect(ids("sort=score&order=desc")).toEqual([4, [2, 3, 0, 1]]);
  expect(ids("sort=h/lr&order=asc&limit=2&offset=1")).toEqual([4, [2, 1]]);
  expect(ids("sort=age&order=asc")).toEqual([4, [3, 2, 1, 0]]);
  expect(ids("filter=failed")).toEqual([1, [2]]);
  expect(ids("filter=scout 3")).toEqual([1, [3]]);
});

test("a raster has the rows of the table, in its order", async () => {
  const meta = { width: 2, rows: 3, members: 3, low: 0 };
  const columns = new Map<string, Column>([
    ["cell", new Uint8Array([1, 2, 3, 4, 5, 6])],
    ["member", new Int32Array([0, 1, 2])],
    ["exploit_step", new Float64Array([4])],
  ]);
  const plain = { entry: 7, columns, meta };
  const body = base64(new Uint8Array(encode(plain)));
  const rows = [row(0, 0.5), row(1, "nan"), row(2, 0.9)];
  const members = json({ entry: 7, total: 3, rows });
  const report = Promise.resolve({ answers: { raster: { media: "application/vnd.pbt.columns", body }, members } });
  const ask = async (query: string) => answer(`/api/v1/populations/a/views/raster?${query}`, report);
  const cells = async (query: string) => {
    const found = decode(await (await ask(query)).arrayBuffer());
    return [[...(found.columns.get("cell") ?? [])], [...(found.columns.get("member") ?? [])], found.meta["rows"]];
  };
  expect(await cells("rows=180&sort=score&order=desc")).toEqual([[5, 6, 1, 2, 3, 4], [2, 0, 1], 3]);
  expect(await cells("sort=id&order=desc&filter=2")).toEqual([[5, 6], [2], 1]);
  expect(await cells("sort=id&order=asc")).toEqual([[1, 2, 3, 4, 5, 6], [0, 1, 2], 3]);
  expect(reordered(plain, []).meta).toEqual({ ...meta, rows: 0, members: 0 });
  expect((await ask("sort=id&by=none")).status).toBe(404);
});
