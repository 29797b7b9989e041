/** What a chart's marks mean, and their values at the step that the pointer is at. */

import { useComputed } from "@preact/signals";
import { hovered } from "../state/lit";
import { count } from "./format";

export interface Key {
  text: string;
  /** How it is drawn. */
  mark: "line" | "thin" | "dotted" | "band" | "area" | "ramp" | "exploit" | "cross" | "tick" | "none";
  color: string;
  opacity?: number;
  /** Of a ramp, its other end. */
  end?: string;
  /** What it says at a step. */
  at?: (step: number) => string;
}

/** While the pointer is at a step, only keys with a value there: the line stays as long as it was. */
export function Legend({ keys }: { keys: readonly Key[] }) {
  const pointing = useComputed(() => hovered.value.step !== null);
  return (
    <>
      <Step />
      {keys
        .filter((key) => key.at || !pointing.value)
        .map((key) => (
          <span class="key" key={key.text}>
            <Swatch {...key} />
            {key.text}
            {key.at && <Reading at={key.at} />}
          </span>
        ))}
    </>
  );
}

function Step() {
  const { step } = hovered.value;
  return step === null ? null : <span class="key reading">step {count(step)}</span>;
}

function Reading({ at }: { at: (step: number) => string }) {
  const { step } = hovered.value;
  return <span class="reading">{step === null ? "" : at(step)}</span>;
}

function Swatch({ mark, color, opacity = 1, end }: Key) {
  if (mark === "none") return null;
  return (
    <svg viewBox="0 0 16 12" aria-hidden="true">
      {mark === "line" && <path d="M0 6H16" stroke={color} stroke-width="2.5" />}
      {mark === "thin" && <path d="M0 6H16" stroke={color} stroke-width="1.25" opacity={opacity} />}
      {mark === "dotted" && <path d="M0 6H16" stroke={color} stroke-dasharray="2 2" opacity={opacity} />}
      {mark === "ramp" && (
        <>
          <rect y="1" width="8" height="10" fill={color} />
          <rect x="8" y="1" width="8" height="10" fill={end} />
        </>
      )}
      {mark === "band" && <rect y="1" width="16" height="10" fill={color} opacity={opacity} />}
      {mark === "area" && <rect x="3" y="1" width="10" height="10" fill={color} opacity={opacity} />}
      {mark === "cross" && <path d="M5 3L11 9M11 3L5 9" stroke={color} stroke-width="1.4" />}
      {mark === "tick" && <path d="M8 0V7" stroke={color} />}
      {mark === "exploit" && (
        <g fill="none" stroke={color} stroke-width="1.3">
          <path d="M0.5 3H7L3.75 9Z" />
          <circle cx="12.4" cy="6" r="2.8" />
        </g>
      )}
    </svg>
  );
}
