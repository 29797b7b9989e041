/** How well a population does: what happened, who waits, exploits, diversity, waits between reports, checkpoints. */

import type { Num } from "../api/shapes";
import { real } from "../api/shapes";
import { useView } from "../api/view";
import { Fact } from "../parts/fact";
import { ago, count, counted, duration, moment, number, percent } from "../parts/format";
import { Link } from "../parts/link";
import { missing, Notice } from "../parts/notices";
import { now } from "../parts/now";
import { asked } from "../state/steps";
import { type Curve, LineagesChart, RateChart } from "./healthcharts";
import type { ViewProps } from "./registry";
import { StepsBar } from "./stepsbar";
import { WaitsChart } from "./waits";

export interface Health {
  entry: number;
  kinds: { kind: string; count: number }[];
  incidents: { entry: number; time: number; kind: string; member: number | null; sentence: string }[];
  waiting: { what: string; count: number; members: number[] }[];
  leases: number;
  holdings: { member: number; number: number; step: number; began: number | null; last: number | null }[];
  rate: { decisions: number; exploits: number; curve: Curve };
  diversity: {
    members: number;
    ancestor: number | null;
    step: number | null;
    since: number | null;
    rounds: number | null;
    clades: number;
    lineages: Curve;
  };
  waits: {
    count: number;
    time: number[];
    reports: number[];
    q25: (Num | null)[];
    q50: (Num | null)[];
    q95: (Num | null)[];
  };
  checkpoints: { referenced: number; bound: number };
}

export function HealthView({ name, summary }: ViewProps) {
  const held = useView<Health>(name, "health", asked.value).value;
  const found = held.data;
  if (found === undefined) return missing(held, "health");
  return (
    <>
      <div class="title">
        <h1>Health</h1>
        <span class="soft">{saidOf(found)}</span>
      </div>
      <Figures found={found} />
      <div class="halves">
        <Incidents found={found} />
        <div class="stack">
          <Waiting found={found} finished={summary.state === "finished"} />
          <Leases found={found} finished={summary.state === "finished"} />
        </div>
      </div>
      <StepsBar members={summary.members} />
      <div class="panel charts">
        <RateChart name={name} curve={found.rate.curve} />
        <LineagesChart name={name} curve={found.diversity.lineages} members={found.diversity.members} />
      </div>
      <WaitsChart waits={found.waits} />
    </>
  );
}

function saidOf({ kinds }: Health): string {
  const of = (kind: string) => kinds.find((one) => one.kind === kind)?.count ?? 0;
  const parts = [
    of("error") && counted(of("error"), "worker ended with an error", "workers ended with an error"),
    of("taken over") && counted(of("taken over"), "worker fell silent", "workers fell silent"),
    of("lost") && counted(of("lost"), "checkpoint was lost", "checkpoints were lost"),
    of("failed") && counted(of("failed"), "member failed", "members failed"),
    of("absent") && counted(of("absent"), "member was absent", "members were absent"),
    of("not finite") && counted(of("not finite"), "score was not finite", "scores were not finite"),
  ].filter(Boolean);
  return parts.length ? parts.join(", ") : "nothing has gone wrong";
}

function Figures({ found: { rate, diversity, waits, leases, checkpoints } }: { found: Health }) {
  const share = rate.decisions ? rate.exploits / rate.decisions : Number.NaN;
  const middle = waits.q50.map(real).findLast(Number.isFinite);
  return (
    <dl class="facts panel">
      <Fact name="Exploits" aside={`${count(rate.exploits)} of ${counted(rate.decisions, "decision")}`}>
        {rate.decisions ? percent(share) : "–"}
      </Fact>
      <Fact
        name="Since the common ancestor"
        aside={
          diversity.ancestor === null
            ? "several founders have descendants"
            : `member ${diversity.ancestor} at step ${count(diversity.step ?? 0)}`
        }
      >
        {diversity.rounds === null ? "–" : counted(Math.round(diversity.rounds), "round")}
      </Fact>
      <Fact name="Clades with members" aside={`among ${counted(diversity.members, "living member")}`}>
        {count(diversity.clades)}
      </Fact>
      <Fact name="Between two reports" aside={waits.count ? "median lately, of a member" : "no member reported twice"}>
        {middle === undefined ? "–" : seconds(middle)}
      </Fact>
      <Fact name="Leases" aside={leases === 0 ? "nobody trains" : "as the journal tells"}>
        {count(leases)}
      </Fact>
      <Fact name="Checkpoints" aside={`of at most ${count(checkpoints.bound)}`}>
        {count(checkpoints.referenced)}
        <Bar share={checkpoints.referenced / checkpoints.bound} />
      </Fact>
    </dl>
  );
}

export function seconds(x: number): string {
  return x < 1 ? `${number(1000 * x, 2)} ms` : x < 60 ? `${number(x, 3)} s` : duration(x);
}

function Bar({ share }: { share: number }) {
  return (
    <svg class="share" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect width="100" height="4" class="whole" />
      <rect width={100 * Math.min(1, share)} height="4" class="part" />
    </svg>
  );
}

const WORDS: Record<string, string> = {
  error: "worker error",
  "taken over": "lease taken over",
  lost: "checkpoint lost",
  "not finite": "not finite",
  absent: "absent",
  failed: "failed",
  "begun anew": "begun anew",
  cured: "cured",
  steered: "changed by hand",
};
const MARKS: Record<string, string> = {
  steered: "M4 12.5 5 9.5 11.5 3 13.5 5 7 11.5Z",
  cured: "M3 8.5 6.5 12 13 4.5",
  "begun anew": "M8 3V13M3 8H13",
  "taken over": "M3 8H12M8.5 4.5 12 8 8.5 11.5",
};
const WRONG = "M8 3V9M8 12.2V12.6";
const GENTLE = new Set(["steered", "cured", "begun anew"]);

function Incidents({ found: { kinds, incidents } }: { found: Health }) {
  return (
    <section class="panel card" aria-labelledby="incidents">
      <header>
        <h2 id="incidents">What happened</h2>
        <span class="soft">{kinds.map(({ kind, count: n }) => `${WORDS[kind] ?? kind} ${count(n)}`).join(" · ")}</span>
      </header>
      {incidents.length === 0 ? (
        <Notice title="Nothing out of the ordinary">
          <p>No worker failed, no checkpoint was lost, and nobody changed anything by hand.</p>
        </Notice>
      ) : (
        <ol class="incidents scroll" tabIndex={0}>
          {incidents.map((one) => (
            <li key={`${one.entry}.${one.member}.${one.kind}`} data-gentle={GENTLE.has(one.kind)}>
              <svg viewBox="0 0 16 16" aria-hidden="true">
                <path d={MARKS[one.kind] ?? WRONG} />
              </svg>
              <span>
                {one.member === null ? (
                  one.sentence
                ) : (
                  <Link to={{ view: "member", query: { member: String(one.member) } }}>{one.sentence}</Link>
                )}
                <span class="soft"> entry {count(one.entry)}</span>
              </span>
              <time class="soft" dateTime={new Date(one.time * 1000).toISOString()} title={moment(one.time)}>
                {ago(one.time, now.value)}
              </time>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

const NAMED = 12;

function Waiting({ found: { waiting }, finished }: { found: Health; finished: boolean }) {
  return (
    <section class="panel card" aria-labelledby="waiting">
      <header>
        <h2 id="waiting">Who waits</h2>
      </header>
      {waiting.length === 0 ? (
        <p class="none soft">
          {finished ? "Nobody: the population is finished." : "Nobody: each member is in training."}
        </p>
      ) : (
        <ul class="waiting">
          {waiting.map(({ what, count: n, members }) => (
            <li key={what}>
              <strong>{counted(n, "member")}</strong> {n === 1 ? "waits" : "wait"} for {what}
              <span class="soft">
                {" "}
                {members.slice(0, NAMED).map((id, i) => (
                  <>
                    {i > 0 && ", "}
                    <Link to={{ view: "member", query: { member: String(id) } }}>{id}</Link>
                  </>
                ))}
                {n > NAMED && " …"}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Leases({ found: { leases, holdings }, finished }: { found: Health; finished: boolean }) {
  const ages = holdings.map(({ last }) => (last === null ? Number.NaN : Math.max(0, now.value - last)));
  const most = Math.max(1e-9, ...ages.filter(Number.isFinite));
  return (
    <section class="panel card" aria-labelledby="leases">
      <header>
        <h2 id="leases">Leases</h2>
        <span class="soft">
          {leases > 0 && `${count(leases)} run; without a sign in the journal for longest, first`}
        </span>
      </header>
      {leases === 0 ? (
        <p class="none soft">{finished ? "None: nothing is left to train." : "None: no worker trains a member now."}</p>
      ) : (
        <section class="scroll leases" tabIndex={0} aria-label="Leases that run">
          <table class="list">
            <thead>
              <tr>
                <th scope="col">Member</th>
                <th scope="col" class="n">
                  Step
                </th>
                <th scope="col">Last sign</th>
              </tr>
            </thead>
            <tbody>
              {holdings.map(({ member, step }, i) => (
                <tr key={member}>
                  <th scope="row">
                    <Link to={{ view: "member", query: { member: String(member) } }}>{member}</Link>
                  </th>
                  <td class="n">{count(step)}</td>
                  <td>
                    <span class="age">
                      {Number.isFinite(ages[i]) ? `${duration(ages[i] as number)} ago` : "none yet"}
                    </span>
                    <Bar share={(ages[i] ?? 0) / most} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
