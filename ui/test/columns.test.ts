import { expect, test } from "vitest";
import { column, decode } from "../src/api/columns";

/** As `pbt/views/columns.py` writes it. */
function encoded(columns: [string, string, ArrayBufferView][], meta = {}, entry = 12): ArrayBuffer {
  const bytes = columns.map(([, , values]) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  const said = columns.map(([name, type, values]) => ({ name, type, length: (values as Float32Array).length }));
  const plain = new TextEncoder().encode(JSON.stringify({ entry, columns: said, meta }));
  const header = new Uint8Array(plain.length + ((8 - ((4 + plain.length) % 8)) % 8)).fill(32);
  header.set(plain);
  const size = bytes.reduce((sum, part) => sum + Math.ceil(part.length / 8) * 8, 4 + header.length);
  const found = new Uint8Array(size);
  new DataView(found.buffer).setUint32(0, header.length, true);
  found.set(header, 4);
  let at = 4 + header.length;
  for (const part of bytes) {
    found.set(part, at);
    at += Math.ceil(part.length / 8) * 8;
  }
  return found.buffer;
}

test("columns of every type come back, whatever their lengths and names", () => {
  const body = encoded(
    [
      ["step", "f8", Float64Array.of(0, 1.5, 1e300)],
      ['h/<img onerror=…>"/ü', "f4", Float32Array.of(0.5, Number.NaN, Number.POSITIVE_INFINITY)],
      ["exploit", "i4", Int32Array.of(-1)],
      ["count", "u2", Uint16Array.of(1, 65535, 3)],
      ["byte", "u1", Uint8Array.of(255)],
      ["none", "f8", new Float64Array(0)],
    ],
    { from: 3 },
  );
  const found = decode(body);
  expect(found.entry).toBe(12);
  expect(found.meta).toEqual({ from: 3 });
  expect([...column(found, "step")]).toEqual([0, 1.5, 1e300]);
  expect([...column(found, 'h/<img onerror=…>"/ü')]).toEqual([0.5, Number.NaN, Number.POSITIVE_INFINITY]);
  expect([...column(found, "exploit")]).toEqual([-1]);
  expect([...column(found, "count")]).toEqual([1, 65535, 3]);
  expect([...column(found, "byte")]).toEqual([255]);
  expect(column(found, "none").length).toBe(0);
  expect(column(found, "absent").length).toBe(0);
});

test("what was cut, or is of another kind, is refused", () => {
  const body = encoded([["step", "f8", Float64Array.of(1, 2)]]);
  expect(() => decode(body.slice(0, body.byteLength - 8))).toThrow();
  expect(() => decode(body.slice(0, 12))).toThrow();
  expect(() => decode(encoded([["step", "f2", Float32Array.of(1)]]))).toThrow(/reload/);
  expect(() => decode(new TextEncoder().encode("<html>nothing of the kind").buffer as ArrayBuffer)).toThrow();
});
