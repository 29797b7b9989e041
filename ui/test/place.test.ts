import { beforeEach, expect, test } from "vitest";
import { addressOfPlace, go, hrefTo, place, placed, placeOf } from "../src/state/place";

beforeEach(() => go({ population: "", query: {} }));

test.each(["/", "/digits", "/digits?view=members&sort=h%2Flr", "/digits?from=3&to=9&lit=0,,7", "/a.b-c_1?view=family"])(
  "the address %s says all that is needed to come back",
  (address) => {
    const [path = "", search = ""] = address.split("?");
    expect(addressOfPlace(placeOf(path, search))).toBe(address);
  },
);

test("another view keeps window, lit members and colour, and nothing else", () => {
  const here = placeOf("/digits", "?view=members&sort=step&from=3&to=9&lit=1&colour=lr&why=3.1");
  expect(placed(here, { view: "population" }).query).toEqual({ from: "3", to: "9", lit: "1", colour: "lr" });
  expect(placed(here, { query: { why: undefined } }).query).toEqual({
    sort: "step",
    from: "3",
    to: "9",
    lit: "1",
    colour: "lr",
  });
});

test("another population begins anew", () => {
  const here = placeOf("/digits", "?view=members&from=3&to=9&lit=1");
  expect(placed(here, { population: "other" })).toEqual({ population: "other", view: "population", query: {} });
});

test("going somewhere changes the address, and Back comes back", async () => {
  go({ population: "digits", query: { lit: "3" } });
  go({ view: "members" });
  expect(location.pathname + location.search).toBe("/digits?view=members&lit=3");
  expect(hrefTo({ view: "population" })).toBe("/digits?lit=3");
  history.replaceState(null, "", "/digits?lit=3");
  dispatchEvent(new PopStateEvent("popstate"));
  expect(place.value).toEqual({ population: "digits", view: "population", query: { lit: "3" } });
});

test("what stands in an address is text, and what is none stays as it is", () => {
  expect(placeOf("/%3Cimg%20src=x%3E", "").population).toBe("<img src=x>");
  expect(placeOf("/%E0%A4%A", "").population).toBe("%E0%A4%A");
});
