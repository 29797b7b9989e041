/** A link within the page. */

import type { ComponentChildren } from "preact";
import { go, hrefTo, type To } from "../state/place";

interface LinkProps {
  to: To;
  class?: string | undefined;
  current?: boolean;
  label?: string | undefined;
  children: ComponentChildren;
}

export function Link({ to, class: name, current, label, children }: LinkProps) {
  return (
    <a
      href={hrefTo(to)}
      class={name}
      aria-label={label}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
