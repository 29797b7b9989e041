import { expect, test } from "vitest";
import { ago, brief, count, counted, duration, number, percent, shortened, value } from "../src/parts/format";

test.each([
  [0, "0"],
  [12, "12"],
  [1234567, "1,234,567"],
  [0.5, "0.5"],
  [0.123456, "0.1235"],
  [-0.39054, "−0.3905"],
  [1234.56, "1,235"],
  [1.011e-5, "1.011e−5"],
  [1e-4, "1e−4"],
  [3e8, "3e8"],
  [1e300, "1e300"],
  [0.999778, "0.999778"],
  [0.99995, "0.99995"],
  [1, "1"],
  ["nan", "nan"],
  ["inf", "∞"],
  ["-inf", "−∞"],
  [null, "–"],
  [undefined, "–"],
] as const)("the number %s is written %s", (given, written) => {
  expect(number(given)).toBe(written);
});

test("values of every kind are text", () => {
  expect([value("<b>"), value(true), value(null), value(0.25), value(undefined)]).toEqual([
    "<b>",
    "true",
    "–",
    "0.25",
    "–",
  ]);
});

test("counts are grouped, or brief where there is little room", () => {
  expect([count(12000), brief(12000), brief(12500), brief(1234), brief(2_500_000), brief(800)]).toEqual([
    "12,000", "12k", "12.5k", "1,234", "2.5M", "800",
  ]); // biome-ignore format: pairs
  expect([counted(1, "member"), counted(8, "member"), counted(2, "waits", "wait")]).toEqual([
    "1 member",
    "8 members",
    "2 wait",
  ]);
});

test("times are told by their largest unit", () => {
  expect([0.2, 59, 60, 3599, 3600, 90_000].map(duration)).toEqual(["0 s", "59 s", "1 min", "59 min", "1 h", "1 d"]);
  expect([ago(1000, 1001), ago(1000, 1042), ago(null), ago(1000, 990)]).toEqual([
    "just now",
    "42 s ago",
    "–",
    "just now",
  ]);
});

test("a share is a percentage", () => {
  expect(percent(0.256)).toBe("26 %");
});

test("long text keeps its ends, and what can not be printed is shown as such", () => {
  expect(shortened("a".repeat(100), 11)).toBe("aaaaa…aaaaa");
  expect(shortened("a\nb\u202ec")).toBe("a\ufffdb\ufffdc");
  expect(shortened("ü#<img>")).toBe("ü#<img>");
});
