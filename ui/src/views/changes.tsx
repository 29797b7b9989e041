/** Hyperparameters before and after a decision, each on its domain's own axis, with the operation that was drawn. */

import type { Domain, Values } from "../api/shapes";
import { around, unit } from "../charts/unit";
import { number, shortened, value as text } from "../parts/format";

interface ChangesProps {
  space: Record<string, Domain>;
  /** The values that were changed: the parent's, where weights were taken over. */
  before: Values | null;
  /** The member's own until then; null: they were those. */
  own: Values | null;
  after: Values;
  operations: Record<string, string>;
}

export function Changes({ space, before, own, after, operations }: ChangesProps) {
  const names = Object.keys(space);
  return (
    <section class="changes">
      <h3>Hyperparameters</h3>
      <p class="soft keys">
        {before && (
          <span>
            <i class="hollow" /> {own ? "the parent’s" : "before"}
          </span>
        )}
        <span>
          <i class="full" /> after
        </span>
        {own && (
          <span>
            <i class="tick" /> the member’s own until then
          </span>
        )}
      </p>
      <dl>
        {names.map((name) => (
          <Change
            key={name}
            name={name}
            domain={space[name] as Domain}
            values={{ before: before?.[name], own: own?.[name], after: after[name] }}
            operation={operations[name]}
          />
        ))}
      </dl>
    </section>
  );
}

interface ChangeProps {
  name: string;
  domain: Domain;
  values: Record<"before" | "own" | "after", Values[string] | undefined>;
  operation: string | undefined;
}

function Change({ name, domain, values, operation }: ChangeProps) {
  const { before, after, own } = values;
  const wide = around(domain, [before, own, after]);
  const said = before === undefined || before === after ? text(after) : `${text(before)} → ${text(after)}`;
  return (
    <div>
      <dt title={name}>{shortened(name, 22)}</dt>
      <dd>
        <span class="values">
          {shortened(said, 48)}
          {operation && <span class="operation">{wordsOf(operation)}</span>}
        </span>
        <Axis
          domain={wide}
          bounds={wide === domain || !("min" in domain) ? [] : [unit(wide, domain.min), unit(wide, domain.max)]}
          before={unit(wide, before)}
          own={unit(wide, own)}
          after={unit(wide, after)}
        />
      </dd>
    </div>
  );
}

/** An operation as the journal records it, in words. */
export function wordsOf(operation: string): string {
  const words: Record<string, string> = { resample: "drawn anew", keep: "kept" };
  return words[operation] ?? operation.replaceAll("*", "× ").replaceAll("-", "−");
}

const WIDTH = 240;
const HEIGHT = 22;
const MIDDLE = 8;
const EDGE = 6;

interface AxisProps {
  /** What the axis spans. */
  domain: Domain;
  /** Where within it the bounds of now lie. */
  bounds: number[];
  before: number;
  own: number;
  after: number;
}

function Axis({ domain, bounds, before, own, after }: AxisProps) {
  const at = (share: number) => EDGE + share * (WIDTH - 2 * EDGE);
  const [low, high] = ends(domain);
  const moved = Number.isFinite(before) && Number.isFinite(after) && Math.abs(at(before) - at(after)) > 1;
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <line x1={EDGE} x2={WIDTH - EDGE} y1={MIDDLE} y2={MIDDLE} class="axis" />
      {[0, 1, ...bounds].map(at).map((x) => (
        <line key={x} x1={x} x2={x} y1={MIDDLE - 3} y2={MIDDLE + 3} class="axis" />
      ))}
      {moved && <line x1={at(before)} x2={at(after)} y1={MIDDLE} y2={MIDDLE} class="moved" />}
      {Number.isFinite(own) && <line x1={at(own)} x2={at(own)} y1={MIDDLE - 6} y2={MIDDLE + 6} class="own" />}
      {Number.isFinite(before) && <circle cx={at(before)} cy={MIDDLE} r="4" class="before" />}
      {Number.isFinite(after) && <circle cx={at(after)} cy={MIDDLE} r="4" class="after" />}
      <text x={0} y={HEIGHT}>
        {low}
      </text>
      <text x={WIDTH} y={HEIGHT} text-anchor="end">
        {high}
      </text>
    </svg>
  );
}

function ends(domain: Domain): [string, string] {
  if (domain.kind === "constant") return ["", ""];
  if (!("values" in domain)) return [number(domain.min), number(domain.max)];
  return [domain.values[0], domain.values.at(-1)].map((value) => shortened(text(value), 14)) as [string, string];
}
