/** Pointer, wheel and keys over a chart whose x axis is the page's window of steps. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { hover, hovered } from "../state/lit";
import { panBy, span, zoom, zoomBy } from "../state/steps";
import type { Pen } from "./pen";
import { gutter } from "./room";
import { type Scale, steps } from "./scale";

const CLICK = 4;
const KEY = 0.02;

export function stepScale(width: number): Scale {
  const { left, right } = gutter(width);
  return steps(span.value, [left, Math.max(left + 1, width - right)]);
}

/** A range that is being marked, in pixels, in the chart where it is. */
export const brush = signal<{ in: Element; from: number; to: number } | null>(null);

export interface At {
  x: number;
  y: number;
  width: number;
}

export interface Handlers {
  /** What is at the pointer; null: it has left. */
  point?: ((at: At | null) => void) | undefined;
  click?: ((at: At) => void) | undefined;
  /** Whether it was a key of the chart’s own. */
  press?: ((event: KeyboardEvent) => boolean) | undefined;
}

/** Let an element zoom and pan the window of steps, and say where the pointer is. */
export function useGestures(handlers: Handlers) {
  const element = useRef<HTMLDivElement>(null);
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => {
    const on = element.current;
    return on === null ? undefined : listen(on, latest);
  }, []);
  return element;
}

function listen(on: HTMLElement, handlers: { current: Handlers }): () => void {
  const control = new AbortController();
  const touches = new Map<number, number>();
  let down: { x: number; pan: boolean; last: number } | null = null;

  const at = (event: MouseEvent): At => {
    const box = on.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width };
  };
  const stepAt = (x: number, width: number) => stepScale(width).back(x);
  const perPixel = (width: number) => 1 / Math.max(1, width - gutter(width).left - gutter(width).right);
  const add = <K extends keyof HTMLElementEventMap>(
    name: K,
    act: (event: HTMLElementEventMap[K]) => void,
    passive = true,
  ) => on.addEventListener(name, act, { signal: control.signal, passive });

  add("pointerdown", (event) => {
    if (event.button !== 0) return;
    const { x } = at(event);
    if (event.pointerType === "touch") touches.set(event.pointerId, x);
    down = touches.size > 1 ? null : { x, pan: event.shiftKey || event.pointerType === "touch", last: x };
    on.setPointerCapture(event.pointerId);
  });
  add("pointermove", (event) => {
    const place = at(event);
    if (touches.size === 2 && touches.has(event.pointerId)) pinch(event.pointerId, place);
    else if (down?.pan) {
      panBy((down.last - place.x) * perPixel(place.width));
      down.last = place.x;
    } else if (down && Math.abs(place.x - down.x) >= CLICK) brush.value = { in: on, from: down.x, to: place.x };
    handlers.current.point?.(place);
  });
  const up = (event: PointerEvent) => {
    touches.delete(event.pointerId);
    const place = at(event);
    const began = down;
    const marked = brush.peek();
    down = null;
    brush.value = null;
    if (marked !== null && event.type === "pointerup") {
      const [from, to] = [marked.from, marked.to].map((x) => stepAt(x, place.width)).sort((a, b) => a - b);
      if (from !== undefined && to !== undefined) zoom([from, to], true);
    } else if (began && event.type === "pointerup" && Math.abs(place.x - began.x) < CLICK)
      handlers.current.click?.(place);
  };
  add("pointerup", up);
  add("pointercancel", up);
  add("pointerleave", () => handlers.current.point?.(null));
  add("dblclick", () => zoom(null, true));
  add(
    "wheel",
    (event) => {
      const place = at(event);
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        zoomBy(1.0015 ** event.deltaY, stepAt(place.x, place.width));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        panBy((event.deltaX || event.deltaY) * perPixel(place.width));
      }
    },
    false,
  );
  add(
    "keydown",
    (event) => {
      if (handlers.current.press?.(event) || keyed(event)) event.preventDefault();
    },
    false,
  );

  function pinch(id: number, place: At): void {
    const other = [...touches].find(([pointer]) => pointer !== id)?.[1];
    const before = touches.get(id);
    if (other === undefined || before === undefined || before === other || place.x === other) return;
    zoomBy(Math.abs(before - other) / Math.abs(place.x - other), stepAt((place.x + other) / 2, place.width));
    touches.set(id, place.x);
  }

  return () => control.abort();
}

/** Keys that every such chart knows; whether this is one. */
function keyed(event: KeyboardEvent): boolean {
  const [from, to] = span.peek();
  const step = hovered.peek().step ?? (from + to) / 2;
  const way = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
  if (way !== 0 && event.shiftKey) panBy(way / 4);
  else if (way !== 0) hover(Math.min(to, Math.max(from, step + way * Math.max(1, (to - from) * KEY))));
  else if (event.key === "+" || event.key === "=") zoomBy(1 / 1.5, step);
  else if (event.key === "-") zoomBy(1.5, step);
  else if (event.key === "0") zoom(null, true);
  else return false;
  return true;
}

/** The range that is being marked, if it is in this chart. */
export function drawBrush(pen: Pen, on: Element | null, height: number, color: string): void {
  const marked = brush.value;
  if (marked === null || marked.in !== on) return;
  const left = Math.min(marked.from, marked.to);
  pen.rect(left, 0, Math.abs(marked.to - marked.from), height, { color, opacity: 0.14 });
}
