/** A number with its name, and what it is of. */

import type { ComponentChildren } from "preact";

interface FactProps {
  name: string;
  aside?: ComponentChildren;
  strong?: boolean;
  children: ComponentChildren;
}

export function Fact({ name, aside, strong = false, children }: FactProps) {
  return (
    <div class={strong ? "fact best" : "fact"}>
      <dt>{name}</dt>
      <dd>
        <span class="figure">{children}</span>
        <span class="soft">{aside}</span>
      </dd>
    </div>
  );
}
