import type { ViewProps } from "./registry";

export function PopulationView({ summary }: ViewProps) {
  return <p>{summary.describe}</p>;
}
