/** A panel at the side, over the view; it has the focus while it is open, and gives it back. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface SideProps {
  title: string;
  class?: string;
  close(): void;
  children: ComponentChildren;
}

export function Side({ title, class: more = "", close, children }: SideProps) {
  const box = useRef<HTMLElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    box.current?.focus();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return (
    <section class={`reason ${more}`} ref={box} tabIndex={-1} role="dialog" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" aria-label="Close" onClick={close}>
          ×
        </button>
      </header>
      {children}
    </section>
  );
}
