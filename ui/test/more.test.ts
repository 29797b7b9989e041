import { expect, test } from "vitest";
import type { Line } from "../src/api/shapes";
import { edgesOf } from "../src/parts/more";
import { sorted } from "../src/views/landing";

const BOX = { scrollLeft: 0, scrollTop: 0, clientWidth: 100, clientHeight: 50, scrollWidth: 100, scrollHeight: 50 };

test.each([
  [{}, ""],
  [{ scrollWidth: 101 }, ""],
  [{ scrollWidth: 180 }, "right"],
  [{ scrollWidth: 180, scrollLeft: 40 }, "left right"],
  [{ scrollWidth: 180, scrollLeft: 80 }, "left"],
  [{ scrollHeight: 500, scrollTop: 10 }, "up down"],
])("a scroller %j has more at: %s", (part, edges) => {
  expect(edgesOf({ ...BOX, ...part })).toBe(edges);
});

test("populations that train come first, those without anything last", () => {
  const line = (name: string, state: Line["state"], last: number | null) => ({ name, state, last }) as Line;
  const lines = [
    line("begun", "empty", null),
    line("old", "finished", 10),
    line("begun-too", "empty", null),
    line("broken", "broken", null),
    line("new", "waiting", 20),
    line("now", "training", 5),
  ];
  const names = ["now", "new", "old", "broken", "begun", "begun-too"];
  expect(sorted(lines).map(({ name }) => name)).toEqual(names);
  expect(sorted(lines.toReversed()).map(({ name }) => name)).toEqual(names);
});
