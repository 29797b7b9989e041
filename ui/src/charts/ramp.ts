/** cividis, after Nuñez, Anderton and Renslow (2018): even in lightness, and the same to colour-blind eyes. */

// biome-ignore format: a table
const CIVIDIS = [
  [0, 34, 78], [0, 46, 106], [26, 56, 111], [50, 67, 109], [67, 78, 108], [83, 90, 109], [97, 101, 111],
  [111, 112, 115], [125, 124, 120], [140, 136, 120], [155, 148, 118], [171, 160, 114], [188, 174, 108],
  [205, 187, 99], [222, 201, 88], [240, 216, 70], [254, 232, 56],
] as const;

export type Rgb = readonly [number, number, number];

/** The colour at a share from 0 to 1. */
export function cividis(share: number): Rgb {
  const at = Math.min(1, Math.max(0, share)) * (CIVIDIS.length - 1);
  const low = CIVIDIS[Math.floor(at)] ?? CIVIDIS[0];
  const high = CIVIDIS[Math.ceil(at)] ?? low;
  const part = at - Math.floor(at);
  return [0, 1, 2].map((i) => Math.round((low[i] ?? 0) * (1 - part) + (high[i] ?? 0) * part)) as unknown as Rgb;
}

/** Trimmed so that the most stands out from the paper, light or dark, and the least still can be told from it. */
export function shade(share: number, dark: boolean): Rgb {
  return cividis(dark ? 0.16 + 0.62 * share : 0.9 - 0.9 * share);
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r} ${g} ${b})`;
}
