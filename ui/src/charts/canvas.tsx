/** A canvas in two layers: what is there, and above it what the pointer is at, which is drawn alone when it moves. */

import { effect, signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { CanvasPen, type Pen } from "./pen";

export interface Size {
  width: number;
  height: number;
}

export type Draw = (pen: Pen, size: Size) => void;

/** Draw now, and before the next frame whenever a signal that was read has changed; returns how to stop. */
export function drawnEachFrame(draw: () => void): () => void {
  let stop = () => {};
  let frame = 0;
  const run = () => {
    frame = 0;
    stop();
    let drawn = false;
    stop = effect(() => {
      if (drawn) frame ||= requestAnimationFrame(run);
      else draw();
      drawn = true;
    });
  };
  run();
  return () => {
    stop();
    cancelAnimationFrame(frame);
  };
}

/** Layers that follow their element's width; nothing is drawn where nobody sees it. */
export function Layers({ height, draw, over }: { height: number; draw: Draw; over?: Draw | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const state = useRef({
    width: signal(0),
    height: signal(height),
    draw: signal(draw),
    over: signal(over),
    seen: signal(false),
  }).current;

  useLayoutEffect(() => {
    state.height.value = height;
    state.draw.value = draw;
    state.over.value = over;
  });
  useEffect(() => {
    const element = box.current;
    const [below, above] = element?.querySelectorAll("canvas") ?? [];
    if (!element || !below || !above) return undefined;
    const observer = new ResizeObserver(() => {
      state.width.value = element.clientWidth;
    });
    observer.observe(element);
    const sight = new IntersectionObserver(([entry]) => {
      state.seen.value = entry?.isIntersecting ?? true;
    });
    sight.observe(element);
    const paintSeen = (canvas: HTMLCanvasElement, drawn: Draw | undefined) => {
      if (state.seen.value) paint(canvas, state.width.value, state.height.value, drawn);
    };
    const stops = [
      drawnEachFrame(() => paintSeen(below, state.draw.value)),
      drawnEachFrame(() => paintSeen(above, state.over.value)),
    ];
    return () => {
      observer.disconnect();
      sight.disconnect();
      for (const stop of stops) stop();
    };
  }, [state]);

  return (
    <div class="layers" ref={box} style={{ height: `${height}px` }} aria-hidden="true">
      <canvas />
      <canvas />
    </div>
  );
}

function paint(canvas: HTMLCanvasElement, width: number, height: number, draw: Draw | undefined): void {
  const ratio = devicePixelRatio || 1;
  const [wide, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== tall) {
    canvas.width = wide;
    canvas.height = tall;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  if (context === null || width === 0) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  draw?.(new CanvasPen(context), { width, height });
}
