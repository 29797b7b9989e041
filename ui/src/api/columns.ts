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

/** Columns as an answer's body: what `decode` reads. */
export function encode({ entry, columns, meta }: Columns): ArrayBuffer {
  const types = Object.entries(ARRAYS);
  const listed = [...columns].map(([name, values]) => {
    const type = types.find(([, kind]) => values instanceof kind)?.[0];
    return { name, type, length: values.length };
  });
  const header = new TextEncoder().encode(JSON.stringify({ entry, columns: listed, meta }));
  const parts: Uint8Array[] = [padded(header, 4)];
  for (const values of columns.values())
    parts.push(padded(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 0, 0));
  const body = new Uint8Array(4 + parts.reduce((sum, part) => sum + part.length, 0));
  let at = 4;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  new DataView(body.buffer).setUint32(0, parts[0]?.length ?? 0, true);
  return body.buffer;
}

/** Bytes, followed by so many of `fill` that they end at a multiple of 8; `before`: bytes that stand ahead of them. */
function padded(bytes: Uint8Array, before: number, fill = 32): Uint8Array {
  const size = bytes.length + ((ALIGNED - ((before + bytes.length) % ALIGNED)) % ALIGNED);
  const found = new Uint8Array(size).fill(fill);
  found.set(bytes);
  return found;
}
