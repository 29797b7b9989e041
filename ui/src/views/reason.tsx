/** The reason of one decision: what it saw, what it changed, and the journal's own words. */

import { domainsOf, type Reason, type Summary } from "../api/shapes";
import { useView } from "../api/view";
import { copy } from "../charts/download";
import { count, moment } from "../parts/format";
import { Link } from "../parts/link";
import { missing } from "../parts/notices";
import { Side } from "../parts/side";
import { say } from "../parts/toast";
import { go, place } from "../state/place";
import { Changes } from "./changes";
import { ChangeButton } from "./log";
import { RankStrip } from "./rankstrip";

/** The decision that the address names, as ENTRY.MEMBER. */
function named(text: string | undefined): { entry: number; member: number } | null {
  const [, entry, member] = /^(\d{1,15})\.(\d{1,15})$/.exec(text ?? "") ?? [];
  return entry === undefined ? null : { entry: Number(entry), member: Number(member) };
}

export function ReasonPanel({ name, summary }: { name: string; summary: Summary }) {
  const which = named(place.value.query["why"]);
  return which && <Panel key={`${which.entry}.${which.member}`} name={name} summary={summary} {...which} />;
}

interface PanelProps {
  name: string;
  summary: Summary;
  entry: number;
  member: number;
}

function Panel({ name, summary, entry, member }: PanelProps) {
  const held = useView<Reason>(name, "reason", { entry, member }).value;
  const reason = held.data;
  return (
    <Side title={reason ? titleOf(reason) : "Reason"} close={() => go({ query: { why: undefined } })}>
      {missing(held, "decision") ?? (reason && <Content reason={reason} summary={summary} />)}
    </Side>
  );
}

/** The member whose weights were taken over; undefined where none were. */
function parentOf({ decision, member }: Reason): number | undefined {
  const parent = (decision.start ?? "on") === "on" ? undefined : decision.parents?.[0]?.member;
  return parent === member ? undefined : parent;
}

function titleOf(reason: Reason): string {
  const parent = parentOf(reason);
  if (parent !== undefined) return `Member ${reason.member} took over from member ${parent}`;
  if (reason.decision.stop) return `Member ${reason.member} was stopped`;
  return `Member ${reason.member}: ${(reason.decision.start ?? "on") === "on" ? "went on" : "began"}`;
}

function Content({ reason, summary }: { reason: Reason; summary: Summary }) {
  const parent = parentOf(reason);
  const why = reason.decision.why ?? {};
  const source = reason.decision.parents?.[0];
  return (
    <>
      <p class="sentence">{reason.sentence}</p>
      <p class="soft">
        Step {count(reason.step)}, journal entry {count(reason.entry)}, {moment(reason.time)}
      </p>
      <p class="links">
        <Link to={{ view: "member", query: { member: String(reason.member) } }}>Member {reason.member}</Link>
        {parent !== undefined && (
          <Link to={{ view: "member", query: { member: String(parent) } }}>Member {parent}, the parent</Link>
        )}
        {source && (
          <ChangeButton begun={{ kind: "fork", checkpoint: source.id }} text={`Fork checkpoint ${source.id}…`} plain />
        )}
      </p>
      {reason.seen.ids.length > 0 && <RankStrip seen={reason.seen} member={reason.member} parent={parent} />}
      {summary.settings && reason.after && (
        <Changes
          space={domainsOf(summary.settings)}
          before={reason.before}
          own={parent === undefined ? null : reason.own}
          after={reason.after}
          operations={why.operations ?? {}}
        />
      )}
      <Journal reason={reason} />
    </>
  );
}

function Journal({ reason }: { reason: Reason }) {
  const said = JSON.stringify({ entry: reason.entry, time: reason.time, decision: reason.decision }, null, 2);
  const copied = async () =>
    say((await copy(said)) ? "Copied." : "The browser does not let this page copy: select the text instead.");
  return (
    <section class="journal">
      <header>
        <h3>In the journal</h3>
        <button type="button" class="plain" onClick={copied}>
          Copy
        </button>
      </header>
      <pre class="scroll" tabIndex={0}>
        {said}
      </pre>
    </section>
  );
}
