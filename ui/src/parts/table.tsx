/** The table behind a chart. */

import { number } from "./format";

export type Cell = string | number | null;

export interface Table {
  columns: string[];
  rows: Cell[][];
}

/** Rows that are shown at most; the file has all. */
const MOST = 400;

export function DataTable({ table, label }: { table: Table; label: string }) {
  const shown = table.rows.slice(0, MOST);
  return (
    <section class="scroll data" tabIndex={0} aria-label={`${label}, as a table`}>
      <table>
        <thead>
          <tr>
            {table.columns.map((name, i) => (
              <th key={name} scope="col" class={typeof table.rows[0]?.[i] === "string" ? "" : "n"}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, i) => (
            <tr key={i}>
              {row.map((cell, j) => (
                <td key={j} class={typeof cell === "string" ? "" : "n"}>
                  {typeof cell === "string" ? cell : number(Number.isNaN(cell) ? null : cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {table.rows.length > MOST && (
        <p class="soft">
          The first {MOST} of {table.rows.length} rows; the CSV file has all.
        </p>
      )}
    </section>
  );
}
