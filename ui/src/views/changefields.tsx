/** The fields of a change, by its kind. */

import { useId } from "preact/hooks";
import type { Checkpoint, Domain, Value, Values } from "../api/shapes";
import type { Change, Kind } from "../api/steer";
import { number, shortened, value as text } from "../parts/format";
import { idsOf } from "../state/change";

/** What stands in the fields, as text. */
export interface Draft {
  kind: Kind;
  members: string;
  member: string;
  parent: string;
  checkpoint: string;
  explore: boolean;
  values: Record<string, string>;
  name: string;
  low: string;
  high: string;
  steps: string;
}

export interface Known {
  domains: Record<string, Domain>;
  /** The values that are replaced, where they are known. */
  present: Values | null;
  pins: Checkpoint[];
  paused: number[];
  best: string | undefined;
  steps: number | null;
}

interface FieldsProps {
  draft: Draft;
  known: Known;
  set: (part: Partial<Draft>) => void;
}

/** The change that the fields say; a string: what is missing or can not be read; null: nothing was said yet. */
export function said(draft: Draft, known: Known): Change | string | null {
  const { kind } = draft;
  const members = idsOf(draft.members);
  if (members === null) return "Members are numbers, such as 3, 7.";
  if (kind === "pin" || kind === "unpin")
    return draft.checkpoint ? { kind, checkpoint: draft.checkpoint.trim() } : null;
  if (kind === "steps") return draft.steps ? { kind, steps: Number(draft.steps) } : null;
  if (kind === "clone")
    return draft.parent && draft.member
      ? { kind, parent: Number(draft.parent), member: Number(draft.member), explore: draft.explore }
      : null;
  if (kind === "bound") {
    const ends = { ...(draft.low && { low: Number(draft.low) }), ...(draft.high && { high: Number(draft.high) }) };
    if (Object.values(ends).some((end) => !Number.isFinite(end))) return "Bounds are numbers.";
    return draft.name && (draft.low || draft.high) ? { kind, name: draft.name, ...ends } : null;
  }
  if (kind === "set" || kind === "fork") {
    const values = valuesOf(draft.values, known.domains);
    if (typeof values === "string") return values;
    if (kind === "set") return members.length && Object.keys(values).length ? { kind, members, values } : null;
    return draft.checkpoint && draft.member
      ? { kind, checkpoint: draft.checkpoint.trim(), member: Number(draft.member), values }
      : null;
  }
  return { kind, members };
}

function valuesOf(given: Record<string, string>, domains: Record<string, Domain>): Values | string {
  const values: Values = {};
  for (const [name, word] of Object.entries(given)) {
    const domain = domains[name];
    if (word === "" || domain === undefined || domain.kind === "constant") continue;
    if ("values" in domain) values[name] = domain.values[Number(word)] as Value;
    else if (!Number.isFinite(Number(word))) return `${name} is a number.`;
    else values[name] = Number(word);
  }
  return values;
}

export function Fields({ draft, known, set }: FieldsProps) {
  const { kind } = draft;
  const all = { pause: "all", resume: "all that are paused", revive: "all that have failed", stop: "all" };
  return (
    <>
      {kind === "clone" && (
        <Ids label="Weights of member" value={draft.parent} change={(parent) => set({ parent })} one />
      )}
      {(kind === "fork" || kind === "pin" || kind === "unpin") && (
        <CheckpointField draft={draft} known={known} set={set} />
      )}
      {(kind === "clone" || kind === "fork") && (
        <Ids label="For member" value={draft.member} change={(member) => set({ member })} one />
      )}
      {kind in all && (
        <Ids
          label="Members"
          value={draft.members}
          change={(members) => set({ members })}
          hint={`none named: ${all[kind as keyof typeof all]}`}
        />
      )}
      {kind === "set" && <Ids label="Members" value={draft.members} change={(members) => set({ members })} />}
      {kind === "clone" && (
        <label class="check">
          <input
            type="checkbox"
            checked={draft.explore}
            onChange={(event) => set({ explore: event.currentTarget.checked })}
          />
          Perturb the hyperparameters, as in an exploit
        </label>
      )}
      {(kind === "set" || kind === "fork") && <ValueFields draft={draft} known={known} set={set} />}
      {kind === "bound" && <BoundFields draft={draft} known={known} set={set} />}
      {kind === "steps" && (
        <Field label="Steps of each member" hint={known.steps === null ? "" : `now ${known.steps}`}>
          {(id) => (
            <input
              id={id}
              inputMode="numeric"
              value={draft.steps}
              onInput={(event) => set({ steps: event.currentTarget.value.replace(/\D/g, "").slice(0, 15) })}
            />
          )}
        </Field>
      )}
    </>
  );
}

interface FieldProps {
  label: string;
  hint?: string | undefined;
  children: (id: string) => preact.ComponentChildren;
}

function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>
        {label} {hint && <span class="soft">{hint}</span>}
      </label>
      {children(id)}
    </div>
  );
}

interface IdsProps {
  label: string;
  value: string;
  change: (value: string) => void;
  hint?: string;
  one?: boolean;
}

function Ids({ label, value, change, hint, one = false }: IdsProps) {
  return (
    <Field label={label} hint={hint ?? (one ? "" : "such as 3, 7")}>
      {(id) => (
        <input
          id={id}
          inputMode={one ? "numeric" : "text"}
          value={value}
          onInput={(event) => change(one ? event.currentTarget.value.replace(/\D/g, "") : event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

function CheckpointField({ draft, known, set }: FieldsProps) {
  const list = useId();
  const pins = known.pins.map((pin) => ({ id: pin.id, what: `pinned, score ${number(pin.score)}` }));
  const best = known.best && draft.kind !== "unpin" ? [{ id: "best", what: known.best }] : [];
  return (
    <Field
      label="Checkpoint"
      hint={draft.kind === "unpin" ? "of those that are pinned" : "its name, best, or a member’s number"}
    >
      {(id) => (
        <>
          <input
            id={id}
            list={list}
            autocomplete="off"
            spellcheck={false}
            value={draft.checkpoint}
            onInput={(event) => set({ checkpoint: event.currentTarget.value })}
          />
          <datalist id={list}>
            {[...best, ...(draft.kind === "pin" ? [] : pins)].map(({ id, what }) => (
              <option key={id} value={id}>
                {what}
              </option>
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}

/** A field for each hyperparameter that is explored; what is left empty stays. */
function ValueFields({ draft, known, set }: FieldsProps) {
  const explored = Object.entries(known.domains).filter(([, domain]) => domain.kind !== "constant" && domain.explore);
  return (
    <fieldset>
      <legend>Values; what is left empty stays</legend>
      {explored.map(([name, domain]) => (
        <Field key={name} label={shortened(name, 40)} hint={rangeOf(domain)}>
          {(id) => (
            <ValueInput
              id={id}
              domain={domain}
              present={known.present?.[name]}
              value={draft.values[name] ?? ""}
              change={(value) => set({ values: { ...draft.values, [name]: value } })}
            />
          )}
        </Field>
      ))}
    </fieldset>
  );
}

interface ValueProps {
  id: string;
  domain: Domain;
  present: Value | undefined;
  value: string;
  change: (value: string) => void;
}

function ValueInput({ id, domain, present, value, change }: ValueProps) {
  const now = present === undefined ? "" : text(present);
  if ("values" in domain)
    return (
      <select id={id} value={value} onChange={(event) => change(event.currentTarget.value)}>
        <option value="">{now ? `${shortened(now, 40)}, as it is` : "as it is"}</option>
        {domain.values.map((one, i) => (
          <option key={i} value={String(i)}>
            {shortened(text(one), 60)}
          </option>
        ))}
      </select>
    );
  return (
    <input
      id={id}
      inputMode="decimal"
      placeholder={now}
      value={value}
      onInput={(event) => change(event.currentTarget.value.trim())}
    />
  );
}

function BoundFields({ draft, known, set }: FieldsProps) {
  const ranges = Object.entries(known.domains).filter(([, d]) => "min" in d && d.explore);
  const domain = known.domains[draft.name];
  const [low, high] = domain && "min" in domain ? [number(domain.min), number(domain.max)] : ["", ""];
  return (
    <>
      <Field label="Hyperparameter">
        {(id) => (
          <select id={id} value={draft.name} onChange={(event) => set({ name: event.currentTarget.value })}>
            <option value="">choose one</option>
            {ranges.map(([name]) => (
              <option key={name} value={name}>
                {shortened(name, 60)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div class="pair">
        <Field label="From">
          {(id) => (
            <input
              id={id}
              inputMode="decimal"
              placeholder={low}
              value={draft.low}
              onInput={(event) => set({ low: event.currentTarget.value.trim() })}
            />
          )}
        </Field>
        <Field label="To">
          {(id) => (
            <input
              id={id}
              inputMode="decimal"
              placeholder={high}
              value={draft.high}
              onInput={(event) => set({ high: event.currentTarget.value.trim() })}
            />
          )}
        </Field>
      </div>
    </>
  );
}

function rangeOf(domain: Domain): string {
  return "min" in domain ? `${number(domain.min)} – ${number(domain.max)}` : "";
}
