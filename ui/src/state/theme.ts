/** The colours of charts: the same custom properties that the style sheet uses, and anew when the system's theme turns. */

import { signal } from "@preact/signals";

const NAMES = ["paper", "ink", "soft", "faint", "line", "hair", "accent", "band", "band-inner"] as const;
export type Colour = (typeof NAMES)[number];

export interface Theme {
  dark: boolean;
  colours: Record<Colour, string>;
  /** For lit members and categories: the hues of Okabe and Ito without the accent's. */
  hues: readonly string[];
}

const HUES_LIGHT = ["#0072b2", "#009e73", "#b8578c", "#b37a00", "#2b9bd6", "#6b4c9a", "#5c6b00", "#4d4d4d"];
const HUES_DARK = ["#56b4e9", "#2fc79a", "#e59cc4", "#e6ac2c", "#3f8fe0", "#b39ddb", "#d5cc3f", "#c4c9ce"];

const query = matchMedia("(prefers-color-scheme: dark)");

function read(): Theme {
  const style = getComputedStyle(document.documentElement);
  const pairs = NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim() || "#888"]);
  return {
    dark: query.matches,
    colours: Object.fromEntries(pairs) as Record<Colour, string>,
    hues: query.matches ? HUES_DARK : HUES_LIGHT,
  };
}

export const theme = signal<Theme>(read());
query.addEventListener("change", () => {
  theme.value = read();
});
