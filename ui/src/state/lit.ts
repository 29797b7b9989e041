/** Members that are lit in every chart, up to 8, each with a colour that stays its own while others come and go. */

import { computed, signal } from "@preact/signals";
import { go, place } from "./place";

export const MOST = 8;

/** Places for lit members: a place's number is its colour; null is free. */
export type Slots = readonly (number | null)[];

export function slotsOf(text: string | undefined): Slots {
  const parts = (text ?? "").split(",").slice(0, MOST);
  return parts.map((part) => (/^\d{1,9}$/.test(part) ? Number(part) : null));
}

export function textOf(slots: Slots): string | undefined {
  return (
    slots
      .map((id) => id ?? "")
      .join(",")
      .replace(/,+$/, "") || undefined
  );
}

/** With a member lit that was not, or the other way; null: all places are taken. */
export function toggled(slots: Slots, member: number): Slots | null {
  if (slots.includes(member)) return slots.map((id) => (id === member ? null : id));
  const free = slots.indexOf(null);
  if (free >= 0) return slots.map((id, i) => (i === free ? member : id));
  return slots.length < MOST ? [...slots, member] : null;
}

const slots = computed(() => slotsOf(place.value.query["lit"]));

export interface Lit {
  id: number;
  /** The number of its colour. */
  colour: number;
}

export const lit = computed<Lit[]>(() => slots.value.flatMap((id, colour) => (id === null ? [] : [{ id, colour }])));

export function isLit(member: number): boolean {
  return slots.value.includes(member);
}

/** Whether there was room. */
export function toggle(member: number): boolean {
  const next = toggled(slots.peek(), member);
  if (next !== null) go({ query: { lit: textOf(next) } });
  return next !== null;
}

export function clearLit(): void {
  go({ query: { lit: undefined } });
}

/** What the pointer is at: a step, and a member if one is near. */
export const hovered = signal<{ step: number | null; member: number | null }>({ step: null, member: null });

export function hover(step: number | null, member: number | null = null): void {
  const now = hovered.peek();
  if (now.step !== step || now.member !== member) hovered.value = { step, member };
}
