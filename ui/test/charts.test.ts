import { expect, test } from "vitest";
import type { Domain } from "../src/api/shapes";
import { curvesOf, exploitAt, heldAt, nearest, valueAt } from "../src/charts/curves";
import { csvOf } from "../src/charts/download";
import { escaped, SvgPen } from "../src/charts/pen";
import { sources } from "../src/charts/raster";
import { linear, logarithmic, nearOne, steps } from "../src/charts/scale";
import { unit } from "../src/charts/unit";

test("ticks are numbers that people read, each where its value is", () => {
  expect(
    steps([0, 80], [0, 800])
      .ticks(8)
      .map(({ label }) => label),
  ).toContain("40");
  expect(
    steps([0, 2], [0, 800])
      .ticks(20)
      .map(({ label }) => label),
  ).toEqual(["0", "1", "2"]);
  const log = logarithmic([1e-5, 0.1], [100, 0]);
  expect(log.ticks(3).map(({ label }) => label)).toEqual(["1e−4", "0.01"]);
  for (const { at, label } of log.ticks(3)) expect(log.back(at)).toBeCloseTo(Number(label.replace("−", "-")), 6);
  const narrow = logarithmic([0.2, 0.4], [100, 0]);
  for (const { at, label } of narrow.ticks(4)) expect(narrow.back(at)).toBeCloseTo(Number(label), 6);
  const one = nearOne([0.9, 0.9999], [100, 0]);
  expect(one.ticks(3).map(({ label }) => label)).toContain("0.99");
  expect(one.of(0.9999)).toBeCloseTo(0);
  expect(one.of(0.9)).toBeCloseTo(100);
  expect(one.back(one.of(0.99))).toBeCloseTo(0.99);
});

const DOMAINS: [Domain, unknown, number][] = [
  [{ kind: "float", min: 1e-4, max: 1, log: true, explore: true, step: null }, 0.01, 0.5],
  [{ kind: "int", min: 0, max: 10, log: false, explore: true, step: null }, 3, 0.3],
  [{ kind: "int", min: 2, max: 2, log: false, explore: true, step: null }, 2, 0.5],
  [{ kind: "ordinal", values: [16, 32], explore: true }, 32, 0.75],
  [{ kind: "choice", values: ["a", "<b>"], explore: true }, "<b>", 0.75],
  [{ kind: "choice", values: ["a"], explore: true }, "gone", Number.NaN],
  [{ kind: "constant", value: 1 }, 1, Number.NaN],
];

test.each(DOMAINS)("a value has its place in the domain %j", (domain, value, place) => {
  const found = unit(domain, value as never);
  if (Number.isNaN(place)) expect(found).toBeNaN();
  else expect(found).toBeCloseTo(place);
});

const data = {
  entry: 1,
  meta: {},
  columns: new Map(
    Object.entries({
      "m/3/step": Float64Array.of(0, 10, 10, 20),
      "m/3/score": Float32Array.of(0, 1, Number.NaN, 2),
      "m/3/exploit_step": Float64Array.of(10),
      "m/3/exploit_score": Float32Array.of(2),
      "m/3/exploit_end_step": Float64Array.of(10),
      "m/3/exploit_end_score": Float32Array.of(1),
      "m/3/exploit_parent": Int32Array.of(7),
      "m/3/exploit_entry": Int32Array.of(42),
      "m/3/bad_step": Float64Array.of(5),
    }),
  ),
};
const [x, y] = [linear([0, 20], [0, 200]), linear([0, 2], [100, 0])];

test("curves have their exploits, and the one under the pointer is found", () => {
  const curves = curvesOf(data);
  expect(curves.map(({ member }) => member)).toEqual([3]);
  expect(nearest(curves, 50, 76, x, y)?.member).toBe(3);
  expect(nearest(curves, 50, 10, x, y)).toBe(null);
  expect(exploitAt(curves, 101, 49, x, y)).toMatchObject({ entry: 42, parent: 7 });
  expect(exploitAt(curves, 102, 2, x, y)).toMatchObject({ entry: 42 });
  expect(exploitAt(curves, 60, 80, x, y)).toBe(null);
});

test("lines and stairs are read at any step", () => {
  expect(valueAt(Float64Array.of(0, 10, 20), [1, Number.NaN, 3], 11)).toBe(1);
  expect(valueAt(new Float64Array(0), [], 1)).toBeNaN();
  expect(heldAt(Float64Array.of(0, 10), [1, 5], 9)).toBe(1);
  expect(heldAt(Float64Array.of(0, 10), [1, 5], 10)).toBe(5);
});

test("columns in which nobody reported show the nearest that has reports", () => {
  expect([...sources([0, 1, 0, 0, 0, 2, 0], 7, 1)]).toEqual([1, 1, 1, 5, 5, 5, 5]);
  expect([...sources([0, 0], 2, 1)]).toEqual([0, 0]);
});

test("a table as a file quotes what it must, and no cell is a formula", () => {
  const rows = [[1, 'a "b", c'], [Number.NaN, "=1+1"], [null, "ü\nx"]]; // biome-ignore format: a table
  expect(csvOf({ columns: ["n", "-text"], rows })).toBe(`n,'-text\r\n1,"a ""b"", c"\r\n,'=1+1\r\n,"ü\nx"\r\n`);
});

test("a chart as SVG has what the canvas has, with text as text", () => {
  const pen = new SvgPen();
  pen.clip(0, 0, 10, 10, () => {
    pen.begin();
    pen.move(1.234, 2);
    pen.line(3, 4);
    pen.stroke({ color: "#000", dash: [1, 2] });
  });
  pen.text("<script>&", 1, 2, { color: "#fff" });
  const file = new DOMParser().parseFromString(pen.file(10, 10, 5), "image/svg+xml");
  expect(file.querySelector("path")?.getAttribute("d")).toBe("M1.23 2L3 4");
  expect(file.querySelector("text")?.textContent).toBe("<script>&");
  expect(file.documentElement.getAttribute("viewBox")).toBe("0 -5 10 15");
  expect(escaped('"<&>')).toBe("&quot;&lt;&amp;&gt;");
});
