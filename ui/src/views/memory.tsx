/** What a strategy shows of its memory: tables, each under its name. */

import { useView } from "../api/view";
import { DataTable, type Table } from "../parts/table";

interface Memory {
  strategy: string;
  tables: (Table & { name: string; note: string })[];
  note: string;
}

export function MemoryCards({ name }: { name: string }) {
  const memory = useView<Memory>(name, "memory", {}).value.data;
  if (memory === undefined) return null;
  const note = memory.note && <p class="soft">{memory.note}</p>;
  return (
    <>
      {memory.tables.map((table) => (
        <section key={table.name} class="panel card memory" aria-label={table.name}>
          <header>
            <h2>{table.name}</h2>
            <span class="soft">{memory.strategy}</span>
          </header>
          {table.rows.length > 0 && <DataTable table={table} label={table.name} />}
          {table.note && <p class="soft">{table.note}</p>}
        </section>
      ))}
      {note}
    </>
  );
}
