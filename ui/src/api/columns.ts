/** Numbers in bulk, as `pbt/views/columns.py` writes them: a JSON header, then little-endian columns. */

export type Column = Float32Array | Float64Array | Int32Array | Uint8Array | Uint16Array;

export interface Columns {
  /** The journal's entry number of which these are. */
  entry: number;
  columns: Map<string, Column>;
  meta: Record<string, unknown>;
}

interface Header {
  entry: number;
  columns: { name: string; type: string; length: number }[];
  meta: Record<string, unknown>;
}

const ARRAYS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array } as const;
const ALIGNED = 8;
const NONE = new Float64Array(0);

/** The columns in an answer's body, as views into it. Throws where it holds none, or was cut. */
export function decode(body: ArrayBuffer): Columns {
  const length = new DataView(body).getUint32(0, true);
  const header: Header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length)));
  const columns = new Map<string, Column>();
  let at = 4 + length;
  for (const { name, type, length } of header.columns) {
    const kind = ARRAYS[type as keyof typeof ARRAYS];
    if (kind === undefined) throw new Error(`a column of type ${type} is not known: reload the page`);
    columns.set(name, new kind(body, at, length));
    const size = length * kind.BYTES_PER_ELEMENT;
    at += size + ((ALIGNED - (size % ALIGNED)) % ALIGNED);
  }
  return { entry: header.entry, columns, meta: header.meta };
}

/** A column by name; an empty one where there is none. */
export function column(of: Columns, name: string): Column {
  return of.columns.get(name) ?? NONE;
}
