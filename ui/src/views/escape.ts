/** Esc clears, one thing at a time: the open form, reason or list, then lit members, then the window of steps. */

import { useEffect } from "preact/hooks";
import { closeChange } from "../state/change";
import { clearLit, hover, lit } from "../state/lit";
import { go, place } from "../state/place";
import { zoom, zoomed } from "../state/steps";

export function useEscape(): void {
  useEffect(() => {
    const clear = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      hover(null);
      if (place.peek().query["change"]) closeChange();
      else if (place.peek().query["why"]) go({ query: { why: undefined } });
      else if (place.peek().query["gone"]) go({ query: { gone: undefined } });
      else if (lit.peek().length) clearLit();
      else if (zoomed.peek()) zoom(null, true);
    };
    document.addEventListener("keydown", clear);
    return () => document.removeEventListener("keydown", clear);
  }, []);
}
