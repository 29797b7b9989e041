/** The lines at a step that nobody goes on from, the best first: what was given up, and for whose weights. */

import type { Extinct, ExtinctLine } from "../api/shapes";
import { useView } from "../api/view";
import { count, counted, number } from "../parts/format";
import { Link } from "../parts/link";
import { missing } from "../parts/notices";
import { Side } from "../parts/side";
import { go, place } from "../state/place";

/** The step stands in the address, as `gone`; a reason that was opened from here lies over it. */
export function ExtinctPanel({ name }: { name: string }) {
  const { gone, why } = place.value.query;
  return gone !== undefined && /^\d{1,15}$/.test(gone) && !why ? <Panel name={name} step={Number(gone)} /> : null;
}

function Panel({ name, step }: { name: string; step: number }) {
  const held = useView<Extinct>(name, "extinct", { step }).value;
  return (
    <Side title={`Died out at step ${count(step)}`} close={() => go({ query: { gone: undefined } })}>
      {missing(held, "list of them") ?? (held.data && <Lines found={held.data} />)}
    </Side>
  );
}

function Lines({ found: { total, lines } }: { found: Extinct }) {
  if (total === 0) return <p class="sentence">From all that stood at this step, somebody goes on.</p>;
  return (
    <>
      <p class="sentence">
        From {counted(total, "line")} that stood at this step, nobody goes on
        {lines.length < total ? `; the best ${count(lines.length)} are listed.` : "."}
      </p>
      <table class="list extinct">
        <thead>
          <tr>
            <th scope="col" class="n">
              Member
            </th>
            <th scope="col" class="n">
              Steps
            </th>
            <th scope="col" class="n">
              Last score
            </th>
            <th scope="col">Ended</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={`${line.entry}.${line.member}`}>
              <th scope="row" class="n">
                <Link to={{ view: "member", query: { member: String(line.member), gone: undefined } }}>
                  {line.member}
                </Link>
              </th>
              <td class="n">
                {count(line.begin)}–{count(line.end)}
              </td>
              <td class="n">{number(line.score)}</td>
              <td>
                <End {...line} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function End({ member, ended, heir }: ExtinctLine) {
  if (ended === null) return <>failed</>;
  const text = heir === null ? "began anew" : heir === member ? "set back" : `took over member ${heir}`;
  return <Link to={{ query: { why: `${ended}.${member}` } }}>{text}</Link>;
}
