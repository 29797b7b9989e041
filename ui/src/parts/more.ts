/** Which edges of a scroller have more beyond them: the style sheet shades those, since not every browser shows bars. */

type Box = Pick<
  HTMLElement,
  "scrollLeft" | "scrollTop" | "clientWidth" | "clientHeight" | "scrollWidth" | "scrollHeight"
>;

/** Less than this is rounding. */
const PIXEL = 1.5;

export function edgesOf(box: Box): string {
  const edges = [
    box.scrollLeft > PIXEL && "left",
    box.scrollWidth - box.clientWidth - box.scrollLeft > PIXEL && "right",
    box.scrollTop > PIXEL && "up",
    box.scrollHeight - box.clientHeight - box.scrollTop > PIXEL && "down",
  ];
  return edges.filter(Boolean).join(" ");
}

/** Whatever the style sheet lets scroll: the first kind in both ways, the others to the side. */
const SCROLLERS = ".scroll, .panel, .tabs";

function mark(element: Element): void {
  const scrolls = getComputedStyle(element).overflowX !== "visible";
  const found = scrolls ? edgesOf(element as HTMLElement) : "";
  const edges = element.matches(".scroll") ? found : found.replace(/ ?(up|down)/g, "").trim();
  if ((element.getAttribute("data-more") ?? "") !== edges) element.setAttribute("data-more", edges);
}

/** Milliseconds after a change: to look at sizes lays the page out, and under a moving pointer it changes all the time. */
const LATER = 200;

/** Keep every scroller's attribute `data-more` true from now on. */
export function watchScrollers(): void {
  let waiting = 0;
  const markAll = () => {
    waiting = 0;
    for (const element of document.querySelectorAll(SCROLLERS)) mark(element);
  };
  const soon = () => {
    if (waiting === 0) waiting = window.setTimeout(markAll, LATER);
  };
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, characterData: true });
  addEventListener("resize", soon);
  addEventListener("toggle", soon, true);
  addEventListener(
    "scroll",
    ({ target }) => {
      if (target instanceof Element && target.matches(SCROLLERS)) mark(target);
    },
    { capture: true, passive: true },
  );
  markAll();
}
