/** The frame of every chart: a title, what it says in a sentence, the table behind it, and files of it. */

import { effect, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Menu } from "../parts/menu";
import { DataTable, type Table } from "../parts/table";
import { say } from "../parts/toast";
import { hovered } from "../state/lit";
import { theme } from "../state/theme";
import { type Draw, Layers, type Size } from "./canvas";
import { copy, csvOf, save } from "./download";
import { drawBrush, type Handlers, useGestures } from "./gestures";
import { CanvasPen, type Pen, SvgPen } from "./pen";
import { fitted } from "./room";

export interface ChartProps extends Handlers {
  title: string;
  /** Beside the title: a domain, a unit. */
  note?: ComponentChildren;
  /** What it shows, for who does not see it. */
  sentence: string;
  /** The numbers behind it. */
  table: () => Table;
  /** Of its files, without an ending. */
  file: string;
  height: number;
  draw: Draw;
  /** What moves with the pointer. */
  over?: Draw;
  legend?: ComponentChildren;
  /** Cursor over something that a click opens. */
  pointing?: boolean;
  level?: 2 | 3;
}

const HEAD = 30;

export function Chart(props: ChartProps) {
  const { title, note, sentence, height, draw, over, legend } = props;
  const open = useSignal(false);
  const element = useGestures(props);
  const caption = useRef<HTMLElement>(null);
  // An effect of a signal itself: one of a component runs after the legend was written anew.
  useEffect(() => effect(() => holdHeight(caption.current, hovered.value.step !== null)), []);
  const Heading = `h${props.level ?? 2}` as "h2";
  const brushed: Draw = (pen, size) => {
    over?.(pen, size);
    drawBrush(pen, element.current, size.height, theme.value.colours.ink);
  };
  const size = (): Size => ({ width: element.current?.clientWidth ?? 800, height });
  const items = [
    { text: open.value ? "Hide the table" : "Show as a table", act: () => (open.value = !open.value) },
    { text: "Copy the numbers", act: () => copied(csvOf(props.table())) },
    { text: "Download CSV", act: () => save(`${props.file}.csv`, text(csvOf(props.table()), "text/csv")) },
    { text: "Download PNG", act: () => savePng(props.file, title, size(), draw) },
    { text: "Download SVG", act: () => save(`${props.file}.svg`, text(svgOf(title, size(), draw), "image/svg+xml")) },
  ];
  return (
    <figure class="chart">
      <figcaption ref={caption}>
        <Heading>{title}</Heading>
        {note && <span class="note">{note}</span>}
        <span class="legend">{legend}</span>
        <Menu label={`${title}: table and files`} items={items}>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <circle cx="3" cy="8" r="1.4" />
            <circle cx="8" cy="8" r="1.4" />
            <circle cx="13" cy="8" r="1.4" />
          </svg>
        </Menu>
      </figcaption>
      <div
        class={props.pointing ? "plot pointing" : "plot"}
        ref={element}
        role="application"
        aria-roledescription="chart"
        aria-label={sentence}
        tabIndex={0}
      >
        <Layers height={height} draw={draw} over={brushed} />
      </div>
      {open.value && <DataTable table={props.table()} label={title} />}
    </figure>
  );
}

/** Pixels of a caption in one line. */
const LINE = 30;

/** What is read at the pointer is longer or shorter than what was there: it must not move the chart. */
function holdHeight(caption: HTMLElement | null, hold: boolean): void {
  if (caption === null || hold === (caption.style.height !== "")) return;
  caption.toggleAttribute("data-one-line", hold && caption.offsetHeight <= LINE);
  caption.style.height = hold ? `${caption.offsetHeight}px` : "";
}

function text(content: string, type: string): Blob {
  return new Blob([content], { type: `${type};charset=utf-8` });
}

async function copied(content: string): Promise<void> {
  say((await copy(content)) ? "Copied." : "The browser does not let this page copy: download the file instead.");
}

function drawTitled(pen: Pen, title: string, { width, height }: Size, draw: Draw): void {
  const { colours } = theme.peek();
  pen.rect(0, -HEAD, width, height + HEAD, { color: colours.paper });
  const look = { size: 13, bold: true };
  pen.text(fitted(title, width - 16, look), 8, -12, { color: colours.ink, ...look });
  draw(pen, { width, height });
}

function svgOf(title: string, size: Size, draw: Draw): string {
  const pen = new SvgPen();
  drawTitled(pen, title, size, draw);
  return pen.file(size.width, size.height, HEAD);
}

/** Twice as many pixels as on the page, for print. */
function savePng(file: string, title: string, size: Size, draw: Draw): void {
  const canvas = document.createElement("canvas");
  canvas.width = size.width * 2;
  canvas.height = (size.height + HEAD) * 2;
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.setTransform(2, 0, 0, 2, 0, 2 * HEAD);
  drawTitled(new CanvasPen(context), title, size, draw);
  canvas.toBlob((blob) => blob && save(`${file}.png`, blob));
}
