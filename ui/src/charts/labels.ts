/** What stands beside an axis's ticks: in the form in which as few characters as can be tell all of them apart. */

const UNITS = [
  [1e3, "k"],
  [1e6, "M"],
  [1e9, "G"],
] as const;

/** Characters that a form must save before it is taken: people read 0.001 and 1,500 more easily than 1e−3 and 1.5k. */
const UNIT = 1;
const SMALL = 1.5;
const LARGE = 2.5;
/** Of two units for a large number with little between its ticks, the larger: for each power of ten above 1,000. */
const LONG = 0.3;

export function axisLabels(values: readonly number[]): string[] {
  const most = Math.max(0, ...values.map(Math.abs));
  if (most === 0 || !Number.isFinite(most)) return values.map((value) => grouped(value, 0));
  const apart = least(values, most);
  const forms: [labels: string[], handicap: number][] = [[labelled(values, 1, "", apart), 0]];
  for (const [unit, letter] of UNITS)
    if (most >= unit)
      forms.push([labelled(values, unit, letter, apart), UNIT + LONG * Math.max(0, Math.log10(most / unit) - 3)]);
  const power = Math.floor(Math.log10(most) + 1e-9);
  forms.push([labelled(values, 10 ** power, `e${power}`, apart), most < 1 ? SMALL : LARGE]);
  const cost = ([labels, handicap]: (typeof forms)[number]) =>
    Math.max(...labels.map((label) => label.length)) + handicap;
  return forms.reduce((best, form) => (cost(form) < cost(best) ? form : best))[0];
}

/** Shares as percentages. */
export function percents(values: readonly number[]): string[] {
  return axisLabels(values.map((share) => 100 * share)).map((label) => `${label} %`);
}

/** The least distance of two neighbours; of a single value, its fourth digit. */
function least(values: readonly number[], most: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const distances = sorted.slice(1).map((value, i) => value - (sorted[i] as number));
  return Math.min(...distances.filter((distance) => distance > 1e-15 * most), values.length > 1 ? most : most / 1e3);
}

function labelled(values: readonly number[], unit: number, letter: string, apart: number): string[] {
  const digits = Math.min(20, Math.max(0, Math.ceil(-Math.log10(apart / unit) - 1e-6)));
  return values.map((value) => (value === 0 ? "0" : `${grouped(value / unit, digits)}${letter.replace("-", "−")}`));
}

const FORMATS = new Map<number, Intl.NumberFormat>();

function grouped(value: number, digits: number): string {
  const format = FORMATS.get(digits) ?? new Intl.NumberFormat("en-US", { maximumFractionDigits: digits });
  FORMATS.set(digits, format);
  return format.format(value).replace("-", "−");
}
