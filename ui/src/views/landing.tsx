/** The list of populations. */

import { useSignal } from "@preact/signals";
import { API } from "../api/http";
import type { Line } from "../api/shapes";
import { useAddress } from "../api/view";
import { ago, count, counted, number } from "../parts/format";
import { Link } from "../parts/link";
import { missing, Notice } from "../parts/notices";
import { now } from "../parts/now";
import { Spark } from "../parts/spark";
import { Status } from "../parts/status";

/** Populations from which on the list can be searched. */
const MANY = 12;

export function Landing() {
  const held = useAddress<Line[]>(`${API}/populations?detail=1`).value;
  const wanted = useSignal("");
  if (held.data === undefined) return missing(held, "list of populations");
  const lines = held.data;
  const word = wanted.value.trim().toLowerCase();
  const shown = sorted(lines).filter((line) =>
    `${line.name} ${line.state} ${line.strategy}`.toLowerCase().includes(word),
  );
  if (lines.length === 0)
    return (
      <Notice title="No population yet">
        <p>
          A training script that joins this server makes one: set <code>PBT_URL</code> as <code>pbt serve</code> printed
          it, with a name of your choice at the end.
        </p>
      </Notice>
    );
  return (
    <>
      <div class="title">
        <h1>Populations</h1>
        <span class="soft">{said(lines)}</span>
        {lines.length > MANY && (
          <input
            type="search"
            placeholder="Name, state or strategy"
            aria-label="Search populations"
            value={wanted.value}
            onInput={(event) => {
              wanted.value = event.currentTarget.value;
            }}
          />
        )}
      </div>
      <div class="panel">
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">State</th>
              <th scope="col" class="wide">
                Best so far
              </th>
              <th scope="col" class="n">
                Best score
              </th>
              <th scope="col" class="n wide">
                Furthest step
              </th>
              <th scope="col" class="n wide">
                Members
              </th>
              <th scope="col" class="n wide">
                Exploits
              </th>
              <th scope="col" class="wide">
                Strategy
              </th>
              <th scope="col" class="n">
                Last activity
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((line) => (
              <Row key={line.name} line={line} />
            ))}
          </tbody>
        </table>
        {shown.length === 0 && <Notice title="None of them matches" />}
      </div>
    </>
  );
}

function Row({ line }: { line: Line }) {
  const { name, state, best } = line;
  const told = best ? `${number(best.score)}, member ${best.member} at step ${count(best.step)}` : "no score yet";
  return (
    <tr>
      <th scope="row">
        <Link to={{ population: name, query: {} }}>{name}</Link>
      </th>
      <td>
        <Status state={state} />
      </td>
      <td class="wide">
        {line.spark.length > 1 && <Spark scores={line.spark} label={`Best score so far: ${told}`} />}
      </td>
      <td class="n strong">
        {number(best?.score)}
        {best && line.maximize !== null && (
          <span class="way" title={line.maximize ? "higher is better" : "lower is better"}>
            {line.maximize ? "↑" : "↓"}
          </span>
        )}
      </td>
      <td class="n wide">
        {line.entry > 0 ? count(line.furthest) : "–"}
        {line.steps !== null && <span class="soft"> / {count(line.steps)}</span>}
      </td>
      <td class="n wide">{line.members ? count(line.members) : "–"}</td>
      <td class="n wide">{line.entry > 0 ? count(line.exploits) : "–"}</td>
      <td class="wide soft">{line.strategy}</td>
      <td class="n soft">{ago(line.last, now.value)}</td>
    </tr>
  );
}

const FIRST = ["training", "reading", "waiting", "finished", "empty", "broken"];

/** Those that train first; then what happened last; those in which nothing was created last. */
export function sorted(lines: readonly Line[]): Line[] {
  const rank = ({ state }: Line) => (state === "training" ? 0 : state === "empty" ? 2 : 1);
  const when = ({ last }: Line) => last ?? 0;
  return [...lines].sort(
    (a, b) => rank(a) - rank(b) || when(b) - when(a) || a.name.localeCompare(b.name, undefined, { numeric: true }),
  );
}

function said(lines: readonly Line[]): string {
  const parts = FIRST.map((state) => [state, lines.filter((line) => line.state === state).length] as const);
  const told = parts.filter(([, n]) => n > 0).map(([state, n]) => `${count(n)} ${state}`);
  return `${counted(lines.length, "population")}: ${told.join(", ")}`;
}
