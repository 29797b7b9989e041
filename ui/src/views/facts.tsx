/** How a population stands, in numbers. */

import type { Summary } from "../api/shapes";
import { Fact } from "../parts/fact";
import { ago, count, counted, duration, number } from "../parts/format";
import { Link } from "../parts/link";
import { now } from "../parts/now";
import { ChangeButton } from "./log";

export function Facts({ summary }: { summary: Summary }) {
  const { best, step, settings, ancestor } = summary;
  const aside = [
    summary.lacking > 0 && counted(summary.lacking, "lacks a worker", "lack a worker"),
    summary.paused > 0 && `${count(summary.paused)} paused`,
    summary.waiting > 0 && counted(summary.waiting, "waits", "wait"),
    summary.done > 0 && `${count(summary.done)} done`,
    summary.failed > 0 && `${count(summary.failed)} failed`,
  ].filter(Boolean);
  return (
    <>
      <dl class="facts panel">
        <Fact name="Best score" strong aside={best && bestAside(best)}>
          {number(best?.score)}
        </Fact>
        <Fact name="Steps" aside={settings?.steps ? `of ${count(settings.steps)}` : "no end set"}>
          {step ? (step.min === step.max ? count(step.max) : `${count(step.min)} – ${count(step.max)}`) : "–"}
        </Fact>
        <Fact
          name="Members"
          aside={aside.length ? aside.join(", ") : summary.state === "training" && "none waits, none failed"}
        >
          {count(summary.members)}
        </Fact>
        <Fact name="Exploits" aside={`in ${counted(summary.reports, "report")}`}>
          {count(summary.exploits)}
        </Fact>
        <Fact
          name="Common ancestor"
          aside={ancestor ? `member ${ancestor.member} at step ${count(ancestor.step)}` : "several founders are left"}
        >
          {ancestor && step ? `${counted(Math.max(0, step.max - ancestor.step), "step")} ago` : "none"}
        </Fact>
        <Fact
          name="Trained for"
          aside={summary.reported === null ? "no report yet" : `last report ${ago(summary.reported, now.value)}`}
        >
          {summary.started === null || summary.reported === null ? "–" : duration(summary.reported - summary.started)}
        </Fact>
      </dl>
      {summary.describe && (
        <p class="describe soft">{summary.describe.charAt(0).toUpperCase() + summary.describe.slice(1)}.</p>
      )}
      <Warnings warnings={summary.warnings} />
    </>
  );
}

function bestAside(best: NonNullable<Summary["best"]>) {
  return (
    <>
      <Link to={{ view: "member", query: { member: String(best.member) } }}>member {best.member}</Link> at step{" "}
      {count(best.step)} <ChangeButton begun={{ kind: "fork", checkpoint: "best" }} text="fork…" plain />
    </>
  );
}

/** Warnings that are shown unasked. */
const FIRST = 2;

function Warnings({ warnings }: { warnings: Summary["warnings"] }) {
  if (warnings.length === 0) return null;
  const lines = warnings.map(({ what, do: remedy }) => (
    <li key={what}>
      {what} <span class="soft">– {remedy}</span>
    </li>
  ));
  return (
    <section class="warnings" aria-label="Warnings">
      <ul>{lines.slice(0, FIRST)}</ul>
      {lines.length > FIRST && (
        <details>
          <summary>{counted(lines.length - FIRST, "more warning")}</summary>
          <ul>{lines.slice(FIRST)}</ul>
        </details>
      )}
    </section>
  );
}
