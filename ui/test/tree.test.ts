import { expect, test } from "vitest";
import type { Columns } from "../src/api/columns";
import { linear } from "../src/charts/scale";
import { ancestry, KIND, recordAt, rowsOf, treeOf, walked, widthOf } from "../src/charts/tree";

/**
 * Row 0: 0 (0-10, top), 1 (10-40, taken, leaf); row 1: 2 (5-40, from 0, leaf); row 2: 3 (20-40, a wedge of 5, from 2).
 */
const data: Columns = {
  entry: 9,
  columns: new Map<string, Float64Array>([
    ["member", Float64Array.of(4, 1, 7, 8)],
    ["parent", Float64Array.of(-1, 0, 0, 2)],
    ["row", Float64Array.of(0, 0, 1, 2)],
    ["begin", Float64Array.of(0, 10, 5, 20)],
    ["end", Float64Array.of(10, 40, 40, 40)],
    ["kind", Float64Array.of(KIND.top, KIND.top | KIND.taken | KIND.leaf, KIND.leaf, KIND.wedge)],
    ["living", Float64Array.of(7, 1, 6, 5)],
    ["entry", Float64Array.of(1, 5, 3, 7)],
    ["score", Float64Array.of(1, 2, 3, 4)],
    ["clade", Float64Array.of(0, 0, 1, 1)],
    ["bin", Float64Array.of(0, 20, 40)],
    ["extinct", Float64Array.of(3, 2, 0)],
  ]),
  meta: { rows: 3, leaves: 7, segments: 20, clades: [], maximize: true },
};
const tree = treeOf(data);
const area = { left: 0, right: 400, top: 0, bottom: 100 };
const x = linear([0, 40], [0, 400]);

test("rows are apart, the first most, and found again by pixel", () => {
  const rows = rowsOf(tree, area);
  expect(rows.of(1) - rows.of(0)).toBeGreaterThan(rows.of(2) - rows.of(1));
  for (const row of [0, 1, 2]) expect(rows.at(rows.of(row))).toBe(row);
});

test("a record is found where it is drawn, and nowhere else", () => {
  const rows = rowsOf(tree, area);
  const at = (step: number, row: number) => recordAt(tree, rows, x, x.of(step), rows.of(row));
  expect([at(5, 0), at(30, 0), at(30, 1), at(30, 2)]).toEqual([0, 1, 2, 3]);
  expect(recordAt(tree, rows, x, x.of(2), rows.of(2))).toBe(-1);
  expect(recordAt(tree, rows, x, x.of(30), rows.of(2) + 60)).toBe(-1);
});

test("arrow keys go along a row, up to the parent, and to the next row that is there", () => {
  expect(walked(tree, 0, "ArrowRight")).toBe(1);
  expect(walked(tree, 1, "ArrowLeft")).toBe(0);
  expect(walked(tree, 2, "ArrowLeft")).toBe(0);
  expect(walked(tree, 1, "ArrowDown")).toBe(2);
  expect(walked(tree, 3, "ArrowUp")).toBe(2);
  expect(walked(tree, 0, "ArrowUp")).toBe(-1);
  expect(walked(tree, 3, "ArrowDown")).toBe(-1);
  expect(walked(tree, 0, "a")).toBe(-1);
});

test("a lineage leads to its root, members are found by their leaves", () => {
  expect(ancestry(tree, 3)).toEqual([3, 2, 0]);
  expect(tree.leafOf.get(7)).toBe(2);
  expect(tree.leafOf.has(8)).toBe(false);
});

test("who has more descendants is wider, as far as the row has room", () => {
  expect(widthOf(tree, 2, 20)).toBeGreaterThan(widthOf(tree, 1, 20));
  expect(widthOf(tree, 2, 2)).toBeLessThanOrEqual(1.6);
});
