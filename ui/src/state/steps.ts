/** The window of steps that every chart of the page shows. It moves at once; what is asked of the server follows. */

import { computed, effect, signal } from "@preact/signals";
import { isReport } from "../api/report";
import { go, place } from "./place";

export type Span = readonly [from: number, to: number];

/** Of the population that is shown. */
export const lastStep = signal(0);
/** null: all. */
export const zoomed = signal<Span | null>(null);
export const span = computed<Span>(() => zoomed.value ?? [0, Math.max(1, lastStep.value)]);
/** What is asked for: the window once it rests, in whole steps. */
export const asked = signal<{ from?: number; to?: number }>({});

/** Milliseconds without a move after which a window rests; between two windows that are one gesture to go back over. */
const REST = 160;
const GESTURE = 1_500;
let timer: ReturnType<typeof setTimeout> | undefined;
let moving = false;
let settled = 0;

/** Show these steps; null: all. `resting`: the gesture is over. */
export function zoom(to: Span | null, resting = false): void {
  zoomed.value = to === null ? null : inside(to, lastStep.peek());
  clearTimeout(timer);
  if (resting) settle();
  else timer = setTimeout(settle, REST);
}

/** By a factor around a step, as a wheel does. */
export function zoomBy(factor: number, around: number): void {
  const [from, to] = span.peek();
  zoom([around - (around - from) * factor, around + (to - around) * factor]);
}

/** By a share of the window, to the right if positive. */
export function panBy(share: number): void {
  const [from, to] = span.peek();
  const by = Math.min(Math.max((to - from) * share, -from), Math.max(0, lastStep.peek() - to));
  if (zoomed.peek() !== null) zoom([from + by, to + by]);
}

/** The window cut to what there is; all of it is null. */
export function inside([from, to]: Span, last: number): Span | null {
  const least = Math.min(2, last);
  const low = Math.min(Math.max(0, from), Math.max(0, last - least));
  const high = Math.max(Math.min(to, last), low + least);
  return low <= 0 && high >= last ? null : [low, high];
}

/** A report holds all steps and nothing finer. */
function ask(query: { from?: number; to?: number }): void {
  if (!isReport) asked.value = query;
}

function settle(): void {
  clearTimeout(timer);
  const now = zoomed.peek();
  const query = now === null ? {} : { from: Math.round(now[0]), to: Math.round(now[1]) };
  ask(query);
  moving = true;
  go(
    { query: { from: query.from?.toString(), to: query.to?.toString() } },
    { replace: Date.now() - settled < GESTURE },
  );
  moving = false;
  settled = Date.now();
}

/** The window that an address names. */
export function spanOf(query: Readonly<Record<string, string>>): Span | null {
  const [from, to] = [query["from"], query["to"]].map((text) =>
    text && /^\d{1,16}$/.test(text) ? Number(text) : null,
  );
  return typeof from === "number" && typeof to === "number" && from < to ? [from, to] : null;
}

effect(() => {
  const given = spanOf(place.value.query);
  if (moving) return;
  zoomed.value = given;
  ask(given === null ? {} : { from: given[0], to: given[1] });
});
