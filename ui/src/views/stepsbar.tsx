/** The window of steps in numbers, and the members that are lit. */

import { useRef } from "preact/hooks";
import { count } from "../parts/format";
import { Link } from "../parts/link";
import { say } from "../parts/toast";
import { lit, MOST, toggle } from "../state/lit";
import { lastStep, span, zoom, zoomed } from "../state/steps";
import { theme } from "../state/theme";

/** `members`: how many there are to light; without it none is. */
export function StepsBar({ members }: { members?: number }) {
  return (
    <div class="stepsbar">
      <Window />
      {members !== undefined && <LitMembers members={members} />}
    </div>
  );
}

function Window() {
  const [from, to] = span.value.map(Math.round) as [number, number];
  const set = (low: number, high: number) => {
    if (low < high) zoom([low, high], true);
  };
  const field = (label: string, value: number, change: (n: number) => void) => (
    <input
      type="number"
      aria-label={label}
      min={0}
      max={lastStep.value}
      value={value}
      onChange={(event) => change(Number(event.currentTarget.value))}
    />
  );
  return (
    <span class="window" title="Drag over a chart to zoom, Shift and drag to move, double-click for all steps">
      <span class="soft">Steps</span>
      {field("First step", from, (n) => set(n, to))}
      <span class="soft">to</span>
      {field("Last step", to, (n) => set(from, n))}
      {zoomed.value ? (
        <button type="button" class="plain" onClick={() => zoom(null, true)}>
          All {count(lastStep.value)}
        </button>
      ) : (
        <span class="soft hint">drag over a chart to zoom</span>
      )}
    </span>
  );
}

function LitMembers({ members }: { members: number }) {
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    if (!/^\d+$/.test(text) || Number(text) >= members) say(`Members have numbers from 0 to ${count(members - 1)}.`);
    else if (!toggle(Number(text))) say(`${MOST} members are lit already: put one out first.`);
    if (field.current) field.current.value = "";
  };
  return (
    <span class="lit">
      {lit.value.map(({ id, colour }) => (
        <span class="chip" key={id}>
          <span class="dot" style={{ background: theme.value.hues[colour] ?? "" }} />
          <Link to={{ view: "member", query: { member: String(id) } }}>member {id}</Link>
          <button type="button" aria-label={`Put out member ${id}`} onClick={() => toggle(id)}>
            ×
          </button>
        </span>
      ))}
      <form onSubmit={submit}>
        <input
          ref={field}
          inputMode="numeric"
          aria-label="Light a member, by its number"
          placeholder="Light a member"
        />
      </form>
    </span>
  );
}
