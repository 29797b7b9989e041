import { beforeEach, expect, test, vi } from "vitest";
import { clearLit, isLit, lit, slotsOf, textOf, toggle, toggled } from "../src/state/lit";
import { go, place } from "../src/state/place";
import { asked, inside, lastStep, panBy, span, spanOf, zoom, zoomBy, zoomed } from "../src/state/steps";

beforeEach(() => {
  vi.useFakeTimers();
  go({ population: "digits", query: { from: undefined, to: undefined, lit: undefined } });
  lastStep.value = 100;
});

test("a lit member keeps its colour while others are put out", () => {
  for (const member of [4, 5, 6]) toggle(member);
  toggle(5);
  expect(lit.value).toEqual([
    { id: 4, colour: 0 },
    { id: 6, colour: 2 },
  ]);
  expect(place.value.query["lit"]).toBe("4,,6");
  toggle(9);
  expect(lit.value.find(({ id }) => id === 9)?.colour).toBe(1);
  expect(isLit(5)).toBe(false);
  clearLit();
  expect(lit.value).toEqual([]);
  expect(place.value.query["lit"]).toBeUndefined();
});

test("up to 8 members are lit", () => {
  for (let member = 0; member < 8; member += 1) expect(toggle(member)).toBe(true);
  expect(toggle(8)).toBe(false);
  expect(toggled(slotsOf("0,1,2,3,4,5,6,7"), 3)?.[3]).toBe(null);
});

test("rubbish in an address lights nobody", () => {
  expect(textOf(slotsOf("3,x,,-1,<img>,99999999999"))).toBe("3");
  expect(slotsOf("1,2,3,4,5,6,7,8,9,10").length).toBe(8);
});

test("a window is inside of what there is, and all of it is none", () => {
  expect(inside([-5, 50], 100)).toEqual([0, 50]);
  expect(inside([40, 40.1], 100)).toEqual([40, 42]);
  expect(inside([99.5, 200], 100)).toEqual([98, 100]);
  expect(inside([-1, 101], 100)).toBe(null);
});

test("a window moves at once, and is asked for and remembered once it rests", () => {
  zoom([20, 60.4]);
  expect(span.value).toEqual([20, 60.4]);
  expect(asked.value).toEqual({});
  vi.advanceTimersByTime(500);
  expect(asked.value).toEqual({ from: 20, to: 60 });
  expect(place.value.query).toMatchObject({ from: "20", to: "60" });
  zoom(null, true);
  expect(asked.value).toEqual({});
  expect(place.value.query["from"]).toBeUndefined();
});

test("zooming keeps the step under the pointer, and moving stops at the ends", () => {
  zoomBy(0.5, 40);
  expect(span.value).toEqual([20, 70]);
  panBy(10);
  expect(span.value).toEqual([50, 100]);
  panBy(-10);
  expect(span.value).toEqual([0, 50]);
});

test("Back restores the window of the address", () => {
  zoom([10, 20], true);
  go({ query: { from: "30", to: "44" } });
  expect(zoomed.value).toEqual([30, 44]);
  expect(asked.value).toEqual({ from: 30, to: 44 });
  for (const query of [{ from: "9", to: "3" }, { from: "x", to: "3" }, { to: "3" }])
    expect(spanOf(query as never)).toBe(null);
});
