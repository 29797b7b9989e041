/** A small menu behind a button. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export interface Item {
  text: string;
  act: () => void;
}

export function Menu({ label, items, children }: { label: string; items: Item[]; children: ComponentChildren }) {
  const box = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const away = (event: Event) => {
      const details = box.current;
      if (details?.open && !details.contains(event.target as Node)) details.open = false;
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
    };
  }, []);
  const close = () => {
    if (box.current) box.current.open = false;
    box.current?.querySelector("summary")?.focus();
  };
  return (
    <details
      class="menu"
      ref={box}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !box.current?.open) return;
        event.stopPropagation();
        close();
      }}
    >
      <summary aria-label={label}>{children}</summary>
      <ul>
        {items.map(({ text, act }) => (
          <li key={text}>
            <button
              type="button"
              onClick={() => {
                close();
                act();
              }}
            >
              {text}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
