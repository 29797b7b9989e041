import { beforeEach, describe, expect, it } from "vitest";
import type { Domain } from "../src/api/shapes";
import { begun, idsOf, keepName, nameOf } from "../src/state/change";
import { type Draft, type Known, said } from "../src/views/changefields";

const domains: Record<string, Domain> = {
  lr: { kind: "float", min: 1e-4, max: 1, log: true, explore: true, step: null },
  batch: { kind: "ordinal", values: [16, 32, 64], explore: true },
};
const known: Known = { domains, present: null, pins: [], paused: [], best: undefined, steps: 100 };
const empty: Draft = {
  kind: "set",
  members: "",
  member: "",
  parent: "",
  checkpoint: "",
  explore: false,
  values: {},
  name: "",
  low: "",
  high: "",
  steps: "",
};
const draft = (part: Partial<Draft>) => said({ ...empty, ...part }, known);

describe("a change in the address", () => {
  it("is read, and what can not be read begins with nothing", () => {
    expect(begun(undefined)).toBeNull();
    expect(begun('{"kind":"pause","members":[1]}')).toEqual({ kind: "pause", members: [1] });
    expect(begun('{"kind":"fly"}')).toEqual({ kind: "set" });
    expect(begun("{")).toEqual({ kind: "set" });
  });
});

describe("ids", () => {
  it("are read however they are set apart", () => {
    expect(idsOf("3, 7 12;1")).toEqual([3, 7, 12, 1]);
    expect(idsOf(" ")).toEqual([]);
    expect(idsOf("3 to 7")).toBeNull();
    expect(idsOf("-1")).toBeNull();
  });
});

describe("the fields", () => {
  it("say a change once enough of them is filled in", () => {
    expect(draft({})).toBeNull();
    expect(draft({ members: "3", values: { lr: "1e-3", batch: "1" } })).toEqual({
      kind: "set",
      members: [3],
      values: { lr: 0.001, batch: 32 },
    });
    expect(draft({ kind: "pause" })).toEqual({ kind: "pause", members: [] });
    expect(draft({ kind: "clone", parent: "0", member: "7" })).toEqual({
      kind: "clone",
      parent: 0,
      member: 7,
      explore: false,
    });
    expect(draft({ kind: "fork", checkpoint: " best ", member: "0" })).toEqual({
      kind: "fork",
      checkpoint: "best",
      member: 0,
      values: {},
    });
    expect(draft({ kind: "bound", name: "lr", high: "0.5" })).toEqual({ kind: "bound", name: "lr", high: 0.5 });
    expect(draft({ kind: "bound", name: "lr" })).toBeNull();
    expect(draft({ kind: "steps", steps: "200" })).toEqual({ kind: "steps", steps: 200 });
    expect(draft({ kind: "pin" })).toBeNull();
  });

  it("say what can not be read", () => {
    expect(draft({ members: "x" })).toMatch("numbers");
    expect(draft({ members: "1", values: { lr: "fast" } })).toBe("lr is a number.");
    expect(draft({ kind: "bound", name: "lr", low: "no" })).toMatch("numbers");
  });
});

describe("the name", () => {
  beforeEach(() => localStorage.clear());

  it("is kept", () => {
    expect(nameOf()).toBe("");
    keepName("Ada");
    expect(nameOf()).toBe("Ada");
  });
});
