import { expect, test } from "vitest";
import type { Columns } from "../src/api/columns";
import type { Domain } from "../src/api/shapes";
import { areaOf, drawSteps, drawValues } from "../src/charts/axes";
import { byNumber } from "../src/charts/colouring";
import { axisLabels, percents } from "../src/charts/labels";
import { panelOf } from "../src/charts/panel";
import { SvgPen, type TextStyle } from "../src/charts/pen";
import { fitted, gutter, widthOf } from "../src/charts/room";
import { linear, nearOne, steps } from "../src/charts/scale";
import { extent, noneText, scoresOf } from "../src/charts/scores";
import { slotKeys } from "../src/charts/slots";
import { around, unit } from "../src/charts/unit";
import { go } from "../src/state/place";
import { theme } from "../src/state/theme";

function columns(of: Record<string, number[]>, meta: Record<string, unknown> = {}): Columns {
  return {
    entry: 1,
    columns: new Map(Object.entries(of).map(([name, values]) => [name, Float64Array.from(values)])),
    meta,
  };
}

test.each([
  [[-1e6, -5e5, 0, 5e5, 1e6], "−1M −0.5M 0 0.5M 1M"],
  [[0, 500, 1000, 1500], "0 500 1,000 1,500"],
  [[0, 5000, 10_000], "0 5k 10k"],
  [[2e8, 4e8], "200M 400M"],
  [[0.2, 0.25, 0.3], "0.2 0.25 0.3"],
  [[0.999, 0.9995, 1], "0.999 0.9995 1"],
  [[1e-5, 2e-5], "1e−5 2e−5"],
  [[0.001], "0.001"],
  [[1e12], "1e12"],
  [[1e12, 1e12 + 5e6], "1,000G 1,000.005G"],
  [[2_000_020, 2_000_040], "2,000,020 2,000,040"],
  [[0], "0"],
])("%j is written beside an axis as %s", (values, said) => {
  expect(axisLabels(values).join(" ")).toBe(said);
});

test("no two ticks have the same label", () => {
  for (let power = -12; power <= 15; power += 1)
    for (const offset of [0, -3, 1, 1000]) {
      const size = 10 ** power;
      const labels = linear([offset * size, (offset + 2) * size], [300, 0])
        .ticks(8)
        .map(({ label }) => label);
      expect(new Set(labels).size).toBe(labels.length);
    }
  expect(percents([0, 0.005, 0.01])).toEqual(["0 %", "0.5 %", "1 %"]);
  const near = nearOne([0.9, 0.9999999999], [100, 0]).ticks(4);
  expect(near.map(({ label }) => label)).toContain("1−1e−9");
});

/** A pen that notes where its texts begin and end. */
class Noting extends SvgPen {
  readonly texts: { text: string; from: number; to: number }[] = [];
  override text(text: string, x: number, y: number, style: TextStyle): void {
    const width = widthOf(text, style);
    const from = x - { left: 0, center: width / 2, right: width }[style.align ?? "left"];
    this.texts.push({ text, from, to: from + width });
    super.text(text, x, y, style);
  }
}

test.each([390, 1280])("nothing that stands beside an axis is cut at a width of %i", (width) => {
  go({ population: `p${width}` });
  const before = gutter(width).left;
  const drawn = () => {
    const pen = new Noting();
    const area = areaOf(width, 320);
    drawValues(pen, linear([-1.000002e9, -1e9], [area.bottom, area.top]), area, theme.value);
    drawSteps(pen, steps([2_000_000, 2_000_100], [area.left, area.right]), area, theme.value);
    return pen.texts;
  };
  drawn();
  const texts = drawn();
  expect(gutter(width).left).toBeGreaterThan(before);
  expect(texts.length).toBeGreaterThan(8);
  for (const { from, to } of texts) expect(from >= 0 && to <= width).toBe(true);
  const below = texts.filter(({ text }) => text.startsWith("2,000,"));
  below.slice(1).forEach(({ from }, i) => {
    expect(from).toBeGreaterThan(below[i]?.to ?? 0);
  });
  go({ population: "elsewhere" });
  expect(gutter(width).left).toBe(before);
});

test("a title that is too long for a file loses its middle", () => {
  const short = fitted("a".repeat(50) + "b".repeat(50), 100);
  expect(short).toMatch(/^a+…b+$/);
  expect(widthOf(short)).toBeLessThanOrEqual(100);
  expect(fitted("lr", 100)).toBe("lr");
});

const lr: Domain = { kind: "float", min: 1e-5, max: 1e-3, log: true, explore: true, step: null };
const bands = (values: number[]) =>
  Object.fromEntries(["q05", "q25", "q50", "q75", "q95"].map((q) => [`h/lr/${q}`, values]));

test("a panel's axis spans the bounds and what was used before they were moved", () => {
  const area = { left: 0, right: 100, top: 0, bottom: 100 };
  const data = columns({
    step: [0, 1, 2],
    ...bands([0.5, Number.NaN, 1e-4]),
    "best/lr/step": [0],
    "best/lr/value": [2],
  });
  const scale = panelOf("lr", lr, data)?.scale(area);
  for (const value of [1e-5, 1e-3, 0.5, 2]) {
    expect(scale?.of(value)).toBeGreaterThanOrEqual(0);
    expect(scale?.of(value)).toBeLessThanOrEqual(100);
  }
});

test("a reason's values lie on their axis, whatever the bounds are now", () => {
  const wide = around(lr, [0.5, undefined, 1e-4]);
  expect(unit(wide, 0.5)).toBe(1);
  expect(unit(wide, 1e-3)).toBeLessThan(1);
  expect(around(lr, [1e-4])).toEqual(lr);
  expect(around({ ...lr, log: true }, [0, -1])).toEqual(lr);
});

test("a legend says that the outermost colours are those of all beyond", () => {
  const meta = { rows: 1, width: 1, low: -2, high: 1, least: -3, most: 1, levels: 253, domain: null, by: "score" };
  expect(slotKeys(columns({ cell: [3] }, meta), theme.value, false)[0]?.text).toBe("≤ −2 to 1");
  const none = { ...meta, low: 0, high: 0, least: null, most: null };
  expect(slotKeys(columns({ cell: [254] }, none), theme.value, false).map((key) => key.text)).toEqual(["not finite"]);
  const values = Float64Array.of(0, 5, 9);
  expect(byNumber(values, [0, 5], theme.value).keys[0]?.text).toBe("0 to ≥ 5");
  expect(byNumber(Float64Array.of(Number.NaN), [0, 1], theme.value).keys).toEqual([]);
});

test("where no score is finite there is no axis, and words say so", () => {
  const nan = [Number.NaN, Number.NaN];
  const scores = scoresOf(columns({ step: [0, 1], q05: nan, q25: nan, q50: nan, q75: nan, q95: nan, bad: [4, 4] }));
  expect(extent(scores, []).ends).toBe(null);
  expect(noneText(scores)).toBe("None of 8 scores is finite");
});
