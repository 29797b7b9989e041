/** A few words beside the pointer. */

import type { Theme } from "../state/theme";
import type { Area } from "./axes";
import type { Pen } from "./pen";
import { fitted, widthOf } from "./room";

const LINE = 16;

export function drawTip(pen: Pen, lines: readonly string[], x: number, y: number, area: Area, { colours }: Theme) {
  const said = lines.map((line, i) => fitted(line, area.right + 8, { bold: i === 0 }));
  const width = Math.max(...said.map((line, i) => widthOf(line, { bold: i === 0 }))) + 20;
  const height = said.length * LINE + 10;
  const left = x + 14 + width > area.right + 40 ? Math.max(0, x - 14 - width) : x + 14;
  const top = Math.max(1, Math.min(area.bottom - height, y - height - 8));
  pen.rect(left - 1, top - 1, width + 2, height + 2, { color: colours.hair });
  pen.rect(left, top, width, height, { color: colours.paper });
  said.forEach((line, i) => {
    pen.text(line, left + 9, top + 5 + (i + 0.5) * LINE, {
      color: i === 0 ? colours.ink : colours.soft,
      bold: i === 0,
      baseline: "middle",
    });
  });
}
