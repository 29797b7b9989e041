/** The density of scores as a picture: a pixel for each cell, darker (lighter, on dark) where more reports lie. */

import { type Columns, column } from "../api/columns";
import { shade } from "./ramp";

export interface Raster {
  image: HTMLCanvasElement;
  from: number;
  to: number;
  low: number;
  high: number;
}

export function rasterOf(data: Columns, dark: boolean): Raster | null {
  const { from, to, width, height, low, high } = data.meta as Record<string, number | null>;
  if (typeof low !== "number" || typeof high !== "number" || !width || !height) return null;
  const counts = column(data, "count");
  const image = document.createElement("canvas");
  image.width = width;
  image.height = height;
  const context = image.getContext("2d");
  if (context === null) return null;
  const pixels = context.createImageData(width, height);
  let largest = 0;
  for (const count of counts) largest = Math.max(largest, count);
  const most = Math.log1p(largest);
  const shades = Array.from({ length: 256 }, (_, i) => shade(i / 255, dark));
  const source = sources(counts, width, height);
  for (let row = 0; row < height; row += 1)
    for (let x = 0; x < width; x += 1) {
      const count = counts[row * width + (source[x] as number)] as number;
      if (count === 0) continue;
      const share = most > 0 ? Math.log1p(count) / most : 1;
      const [r, g, b] = shades[Math.round(share * 255)] ?? [0, 0, 0];
      const at = ((height - 1 - row) * width + x) * 4;
      pixels.data[at] = r;
      pixels.data[at + 1] = g;
      pixels.data[at + 2] = b;
      pixels.data[at + 3] = Math.round(255 * Math.min(1, 0.35 + share));
    }
  context.putImageData(pixels, 0, 0);
  return { image, from: from as number, to: to as number, low, high };
}

/** For each column the one that is shown there: where nobody reports at every step, the nearest that has reports. */
export function sources(counts: ArrayLike<number>, width: number, height: number): Int32Array {
  const full = new Uint8Array(width);
  for (let row = 0; row < height; row += 1)
    for (let x = 0; x < width; x += 1) if ((counts[row * width + x] as number) > 0) full[x] = 1;
  const found = new Int32Array(width);
  let last = -1;
  for (let x = 0; x < width; x += 1) {
    if (!full[x]) continue;
    const middle = last < 0 ? 0 : Math.ceil((last + x) / 2);
    for (let i = last + 1; i < x; i += 1) found[i] = i < middle ? last : x;
    found[x] = x;
    last = x;
  }
  for (let i = Math.max(0, last + 1); i < width; i += 1) found[i] = Math.max(0, last);
  return found;
}
