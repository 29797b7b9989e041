/** The form for a change: what it would do is shown while it is filled in, and written only once somebody agrees. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Failure } from "../api/http";
import { domainsOf, type MembersPage, type Summary } from "../api/shapes";
import { type Change, type ChangesView, preview, type Steering, write } from "../api/steer";
import { useView } from "../api/view";
import { count, number } from "../parts/format";
import { Link } from "../parts/link";
import { Side } from "../parts/side";
import { type Begun, change, closeChange, idsOf, KINDS, keepName, nameOf } from "../state/change";
import { place } from "../state/place";
import { access } from "../state/session";
import { type Draft, Fields, type Known, said } from "./changefields";

/** Milliseconds from the last key to the question what it would do. */
const SOON = 250;

export function ChangePanel({ name, summary }: { name: string; summary: Summary }) {
  const begun = change();
  if (begun === null || access.value !== "write") return null;
  return <Panel key={place.value.query["change"]} name={name} summary={summary} begun={begun} />;
}

function draftOf(begun: Begun): Draft {
  const word = (name: string) => (begun[name] === undefined || begun[name] === null ? "" : String(begun[name]));
  const members = Array.isArray(begun["members"]) ? begun["members"].join(", ") : "";
  return {
    kind: begun.kind,
    members,
    member: word("member"),
    parent: word("parent"),
    checkpoint: word("checkpoint"),
    explore: begun["explore"] === true,
    values: {},
    name: word("name"),
    low: word("low"),
    high: word("high"),
    steps: word("steps"),
  };
}

/** The values that a link to the form names, as they stand in its fields. */
function begunValues(begun: Begun, known: Known): Record<string, string> {
  const given = (begun["values"] ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const domain = known.domains[name];
      const place = domain && "values" in domain ? domain.values.indexOf(value as never) : -1;
      return [name, place >= 0 ? String(place) : String(value)];
    }),
  );
}

interface PanelProps {
  name: string;
  summary: Summary;
  begun: Begun;
}

function Panel({ name, summary, begun }: PanelProps) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(begun));
  const [by, setBy] = useState(nameOf);
  const [why, setWhy] = useState("");
  const [shown, setShown] = useState<Steering | null>(null);
  const [refused, setRefused] = useState("");
  const [written, setWritten] = useState<Steering | null>(null);
  const [busy, setBusy] = useState(false);
  const known = useKnown(name, summary, draft);
  const filled = useRef(false);
  useEffect(() => {
    if (filled.current || !Object.keys(known.domains).length) return;
    filled.current = true;
    setDraft((now) => ({ ...now, values: begunValues(begun, known) }));
  });
  const asked = said(draft, known);
  const key = JSON.stringify(asked);
  const last = useRef("");
  const told = (it: Change) => ({ change: it, by: by.trim() ? `${by.trim()} (page)` : "page", why: why.trim() });
  const look = async (it: Change, current: () => boolean) => {
    try {
      const found = await preview(name, told(it));
      if (current()) setShown(found);
    } catch (error) {
      if (!current()) return;
      setShown(null);
      setRefused(messageOf(error));
    }
  };
  useEffect(() => {
    let current = true;
    if (last.current !== key) {
      last.current = key;
      setShown(null);
      setRefused(typeof asked === "string" ? asked : "");
    }
    if (asked === null || typeof asked === "string") return;
    const timer = setTimeout(() => look(asked, () => current), SOON);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key, by, why]);
  const agree = async () => {
    if (asked === null || typeof asked === "string" || shown === null || busy) return;
    setBusy(true);
    setRefused("");
    keepName(by.trim());
    try {
      setWritten(await write(name, told(asked), shown.seen));
    } catch (error) {
      const text = messageOf(error);
      const moved = error instanceof Failure && error.status === 409;
      if (moved) await look(asked, () => true);
      setRefused(`Nothing was written: ${text}`);
    }
    setBusy(false);
  };
  const kind = KINDS.find((one) => one.kind === draft.kind);
  return (
    <Side title="Change this population" class="change" close={closeChange}>
      {written ? (
        <Written steering={written} />
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            agree();
          }}
        >
          <div class="field">
            <label for="kind">Change</label>
            <select
              id="kind"
              value={draft.kind}
              onChange={(event) => setDraft({ ...draft, kind: event.currentTarget.value as Draft["kind"] })}
            >
              {KINDS.map((one) => (
                <option key={one.kind} value={one.kind}>
                  {one.title}
                </option>
              ))}
            </select>
            <p class="soft">{kind?.what}</p>
          </div>
          <Fields draft={draft} known={known} set={(part) => setDraft((now) => ({ ...now, ...part }))} />
          <div class="field">
            <label for="why-changed">
              Why <span class="soft">stands in the journal</span>
            </label>
            <input
              id="why-changed"
              maxLength={1000}
              value={why}
              onInput={(event) => setWhy(event.currentTarget.value)}
            />
          </div>
          <div class="field">
            <label for="by-whom">Your name</label>
            <input
              id="by-whom"
              autocomplete="name"
              maxLength={150}
              value={by}
              onInput={(event) => setBy(event.currentTarget.value)}
            />
          </div>
          <section class="effect" aria-live="polite">
            <h3>What it does</h3>
            <p class="refusal">{refused}</p>
            {shown ? (
              <p>{shown.effect}</p>
            ) : (
              <p class="soft">{refused || asked !== null ? "" : "Fill in what to change, and it shows here."}</p>
            )}
          </section>
          <button type="submit" class="primary" disabled={shown === null || busy}>
            Write it into the journal
          </button>
          {shown && <Entry steering={shown} />}
        </form>
      )}
    </Side>
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function useKnown(name: string, summary: Summary, draft: Draft): Known {
  const ids = idsOf(draft.members) ?? [];
  const one = draft.kind === "set" && ids.length === 1 ? String(ids[0]) : null;
  const rows = useView<MembersPage>(name, "members", one === null ? null : { filter: one, limit: 1 }).value.data?.rows;
  const changes = useView<ChangesView>(name, "changes").value.data;
  const row = rows?.find((member) => String(member.id) === one);
  const domains = useMemo(() => domainsOf(summary.settings), [summary.settings]);
  return {
    domains,
    present: row?.hyperparameters ?? null,
    pins: changes?.pins ?? [],
    paused: changes?.paused ?? [],
    best: summary.best ? `member ${summary.best.member}, score ${number(summary.best.score)}` : undefined,
    steps: summary.settings?.steps ?? null,
  };
}

/** The entry, as it will stand in the journal. */
function Entry({ steering }: { steering: Steering }) {
  const { event, decisions } = steering;
  const entry = { event, ...(decisions?.length && { decisions }) };
  return (
    <details class="entry">
      <summary>The entry</summary>
      <pre class="scroll" tabIndex={0}>
        {JSON.stringify(entry, null, 2)}
      </pre>
    </details>
  );
}

function Written({ steering }: { steering: Steering }) {
  const member = steering.decisions?.[0]?.member;
  return (
    <div class="written" role="status">
      <p>
        <strong>Recorded as entry {count(steering.entry ?? 0)}.</strong>
      </p>
      <p>{steering.effect}</p>
      <p class="links">
        {member !== undefined && (
          <Link to={{ query: { change: undefined, why: `${steering.entry}.${member}` } }}>The decision</Link>
        )}
        <Link to={{ view: "changes", query: { change: undefined } }}>All changes</Link>
      </p>
      <button type="button" class="primary" onClick={closeChange}>
        Close
      </button>
    </div>
  );
}
