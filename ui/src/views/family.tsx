/** Who descends from whom: as a tree, as clades, and member by member. */

import { domainsOf } from "../api/shapes";
import { Choice } from "../parts/choice";
import { count } from "../parts/format";
import { Notice } from "../parts/notices";
import { go, place } from "../state/place";
import { lastStep, zoom } from "../state/steps";
import { CladesTab } from "./cladestab";
import { Colours } from "./colours";
import type { ViewProps } from "./registry";
import { SlotsTab } from "./slotstab";
import { StepsBar } from "./stepsbar";
import { TreeTab } from "./treetab";

const TABS = [
  ["tree", "Tree"],
  ["clades", "Clades"],
  ["slots", "By member"],
] as const;

export function FamilyView({ name, summary }: ViewProps) {
  const tab = place.value.query["tab"] ?? "tree";
  const domains = domainsOf(summary.settings);
  if (summary.reports === 0)
    return (
      <Notice title="No member has reported yet">
        <p>The family shows here once members take over weights from each other.</p>
      </Notice>
    );
  return (
    <>
      <div class="title family">
        <h1>Family</h1>
        <Choice label="Family as" options={TABS} chosen={tab} choose={(id) => go({ query: { tab: id } })} />
        {tab !== "clades" && <Colours domains={domains} clades={tab === "tree"} />}
        <span class="soft">{said(summary)}</span>
        <SinceAncestor summary={summary} />
      </div>
      <StepsBar members={summary.members} />
      {tab === "clades" ? (
        <CladesTab name={name} summary={summary} />
      ) : tab === "slots" ? (
        <SlotsTab name={name} summary={summary} domains={domains} />
      ) : (
        <TreeTab name={name} summary={summary} domains={domains} />
      )}
    </>
  );
}

function said({ exploits, ancestor }: ViewProps["summary"]): string {
  const times = `${count(exploits)} exploit${exploits === 1 ? "" : "s"}`;
  if (ancestor === null) return `${times}; several founders have descendants`;
  return `${times}; all members descend from member ${ancestor.member} at step ${count(ancestor.step)}`;
}

/** The window from the common ancestor on, where the tree has its branches. */
function SinceAncestor({ summary: { ancestor } }: { summary: ViewProps["summary"] }) {
  const last = lastStep.value;
  if (ancestor === null || ancestor.step < 0.15 * last || ancestor.step >= last) return null;
  const room = Math.max(1, Math.round(0.06 * (last - ancestor.step)));
  return (
    <button type="button" onClick={() => zoom([Math.max(0, ancestor.step - room), last], true)}>
      Since the common ancestor
    </button>
  );
}
