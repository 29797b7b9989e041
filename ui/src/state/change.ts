/** The form for a change: it is open while the address has what it began with. */

import type { Change, Kind } from "../api/steer";
import { go, place } from "./place";

export const KINDS: readonly { kind: Kind; title: string; what: string }[] = [
  { kind: "set", title: "Set hyperparameters", what: "Members keep their weights, and train on with other values." },
  { kind: "pause", title: "Pause", what: "Members wait at their next report that is due, until they are resumed." },
  { kind: "resume", title: "Resume", what: "Paused members go on." },
  {
    kind: "clone",
    title: "Clone",
    what: "A member takes over another one’s current weights and hyperparameters, now.",
  },
  { kind: "fork", title: "Fork a checkpoint", what: "A member goes on from any checkpoint that is kept." },
  { kind: "pin", title: "Pin a checkpoint", what: "It is kept until it is unpinned." },
  { kind: "unpin", title: "Unpin a checkpoint", what: "It is kept no longer than somebody needs it." },
  { kind: "bound", title: "Move bounds", what: "Exploration stays inside them from now on." },
  { kind: "steps", title: "Raise the steps", what: "Each member trains longer." },
  { kind: "stop", title: "Stop", what: "Members are not trained any further. Their checkpoints stay." },
  { kind: "revive", title: "Revive", what: "Stopped members train on; failed ones begin anew." },
];

/** What the form begins with: a kind, and some of its fields. */
export type Begun = { kind: Kind } & Partial<Record<string, unknown>>;

/** From the address; null: the form is closed. What can not be read begins with nothing. */
export function begun(text: string | undefined): Begun | null {
  if (text === undefined) return null;
  try {
    const said = JSON.parse(text) as Begun;
    if (KINDS.some(({ kind }) => kind === said.kind)) return said;
  } catch {
    // a link that was cut
  }
  return { kind: "set" };
}

export function openChange(change: Begun | Change): void {
  go({ query: { change: JSON.stringify(change), why: undefined } });
}

export function closeChange(): void {
  go({ query: { change: undefined } });
}

export const change = () => begun(place.value.query["change"]);

/** Ids as somebody writes them: "3, 7 12"; null: they can not be read. */
export function idsOf(text: string): number[] | null {
  const words = text.split(/[\s,;]+/).filter(Boolean);
  return words.every((word) => /^\d{1,9}$/.test(word)) ? words.map(Number) : null;
}

const NAME = "pbt-name";

/** Who changes something, as he said the last time. */
export function nameOf(): string {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

export function keepName(name: string): void {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // a browser that keeps nothing
  }
}
