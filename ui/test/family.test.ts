import { expect, test } from "vitest";
import type { Columns } from "../src/api/columns";
import type { Domain } from "../src/api/shapes";
import { cladeAt, nearestBin, stackOf } from "../src/charts/clades";
import { byDomain, byNumber, endsOf, hueOf, mixed, scoreEnds } from "../src/charts/colouring";
import { linear } from "../src/charts/scale";
import { arcAt, rowAt, slotsIn } from "../src/charts/slots";
import { theme } from "../src/state/theme";
import { replaysOf } from "../src/views/replays";
import { stairsOf } from "../src/views/schedule";
import { ticksOf } from "../src/views/waits";

function columns(of: Record<string, number[]>, meta: Record<string, unknown>): Columns {
  return {
    entry: 1,
    columns: new Map(Object.entries(of).map(([name, values]) => [name, Float64Array.from(values)])),
    meta,
  };
}

/** 1 arises within 0 at step 1; the others are there at the beginning only. */
const stack = stackOf(
  columns(
    { step: [0, 1, 2], "share/0": [0.5, 0.6, 0.2], "share/1": [0, 0.4, 0.8], "share/2": [0.5, 0, 0] },
    { clades: [{ member: 3 }, { member: 5 }], order: [2, 0, 1, 1, 0, 2] },
  ),
);

test("a clade stands before and after what arose within it, and all fill the height", () => {
  expect(stack.layers.map((layer) => layer.clade)).toEqual([2, 0, 1, 1, 0, 2]);
  expect([...(stack.layers[5]?.high ?? [])]).toEqual([1, 1, 1]);
  expect(stack.layers[1]?.low[0]).toBe(0.25);
  expect([cladeAt(stack, 0, 0.1), cladeAt(stack, 0, 0.5), cladeAt(stack, 2, 0.05), cladeAt(stack, 2, 0.5)]).toEqual([
    2, 0, 0, 1,
  ]);
});

test("edges lie only where two clades meet", () => {
  const met = stack.edges.map((edge) => [...edge].filter(Number.isFinite).length);
  expect(met.reduce((a, b) => a + b)).toBe(6); // two at each step
  expect(stack.edges[2]?.every(Number.isNaN)).toBe(true); // between the halves of 1
  const seams = stack.seams.map(({ clade, at }) => [clade, [...at].filter(Number.isFinite).length]);
  expect(seams).toEqual([[2, 0], [0, 1], [1, 3]]); // biome-ignore format: a list
});

test("the nearest bin", () => {
  const step = Float64Array.of(0, 10, 20);
  expect([-5, 4, 6, 14, 99].map((at) => nearestBin(step, at))).toEqual([0, 0, 1, 1, 2]);
  expect(nearestBin(new Float64Array(0), 3)).toBe(0);
});

test("colours go along what is usual, and beginnings do not take up all of them", () => {
  const values = Float64Array.from([...Array(20).keys(), Number.NaN, Number.POSITIVE_INFINITY]);
  expect(endsOf(values)).toEqual([0, 19]);
  expect(scoreEnds(values, true)).toEqual([3, 19]);
  expect(scoreEnds(values, false)).toEqual([0, 16]);
  expect(endsOf(new Float64Array(0))).toEqual([0, 1]);
  expect(scoreEnds(Float64Array.of(1, 5, 5, 5, 5, 5, 5, 5, 5, 5), true)).toEqual([1, 5]);
  const by = byNumber(values, [0, 19], theme.value);
  expect([by.level(0, 21), by.level(19, 21), by.level(20, 21)]).toEqual([0, 20, -1]);
  expect(byNumber(values, [0, 19], theme.value, true).level(0, 21)).toBe(20);
  expect(by.of(0, 21)).not.toBe(by.of(20, 21));
});

test("domains of every kind have colours and keys", () => {
  const values = Float64Array.of(0, 1, Number.NaN);
  const choice: Domain = { kind: "choice", values: ["a", "<b>"], explore: true };
  expect(byDomain(values, choice, theme.value).keys.map((key) => key.text)).toEqual(["a", "<b>"]);
  const ordinal: Domain = { kind: "ordinal", values: [16, 32], explore: true };
  expect(byDomain(values, ordinal, theme.value).keys[0]?.text).toBe("16 to 32");
  const float: Domain = { kind: "float", min: 1e-4, max: 1, log: true, explore: true, step: null };
  expect(byDomain(values, float, theme.value).level(2, 5)).toBe(-1);
  expect(hueOf(0, 12, theme.value)).not.toBe(hueOf(8, 12, theme.value));
  expect(hueOf(12, 12, theme.value)).toBe(theme.value.colours.faint);
});

test("colours are mixed, however they are written", () => {
  expect(mixed("#fff", "#000000", 0.5)).toBe("#808080");
  expect(mixed("#102030", "#fff", 0)).toBe("#102030");
});

test("an arc is found between the rows that it joins", () => {
  const slots = slotsIn(
    columns(
      { member: [2, 0, 1], exploit_step: [10], exploit_member: [1], exploit_parent: [2], exploit_entry: [7] },
      { rows: 3, from: 0, to: 20 },
    ),
  );
  const area = { left: 0, right: 200, top: 0, bottom: 90 };
  expect([2, 0, 1].map((member) => rowAt(slots, member, area))).toEqual([15, 45, 75]);
  const x = linear([0, 20], [0, 200]);
  expect(arcAt(slots, x, area, 100 - 7, 45)?.entry).toBe(7);
  expect(arcAt(slots, x, area, 160, 45)).toBeNull();
});

test("stairs of a schedule: changes only, and on to the end", () => {
  const float: Domain = { kind: "float", min: 0, max: 1, log: false, explore: true, step: null };
  const pieces = {
    entry: 1,
    member: 0,
    pieces: [
      [0, { lr: 0.1, act: "b" }],
      [4, { lr: 0.2, act: "b" }],
    ],
  } as never;
  const { steps, values } = stairsOf("lr", float, pieces, 9);
  expect([[...steps], [...values]]).toEqual([
    [0, 4, 9],
    [0.1, 0.2, 0.2],
  ]);
  const choice: Domain = { kind: "choice", values: ["a", "b"], explore: true };
  expect([...stairsOf("act", choice, pieces, 4).values]).toEqual([1, 1]);
});

test("replays are those beside a population, by number", () => {
  const all = ["toy", "toy.replay-10", "toy.replay-2", "toy.replay-x", "other.replay-1", "toy2.replay-1"];
  expect(replaysOf("toy", all)).toEqual(["toy.replay-2", "toy.replay-10"]);
});

test("ticks of seconds are few, round and inside", () => {
  for (const [low, high] of [
    [0.02, 0.09],
    [1, 4000],
    [3, 3.2],
  ] as const) {
    const found = ticksOf(low, high);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(6);
  }
});
