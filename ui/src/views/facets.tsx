/** The scores of each sub-population in a chart of its own. */

import { useColumns } from "../api/view";
import { asked } from "../state/steps";
import { ScoreChart } from "./scorechart";

interface FacetsProps {
  name: string;
  roles: readonly string[];
  maximize: boolean;
}

/** Sub-populations that are shown at most. */
const MOST = 8;

export function Facets({ name, roles, maximize }: FacetsProps) {
  return (
    <>
      {roles.slice(0, MOST).map((role) => (
        <Facet key={role} name={name} role={role} maximize={maximize} />
      ))}
    </>
  );
}

function Facet({ name, role, maximize }: { name: string; role: string; maximize: boolean }) {
  const { data } = useColumns(name, "series", { ...asked.value, width: 600, role }).value;
  if (data === undefined) return null;
  return (
    <ScoreChart name={name} data={data} density={undefined} faint={[]} curves={[]} maximize={maximize} role={role} />
  );
}
