/** What stands where there is nothing to show: not yet, not any more, or not at all. */

import type { ComponentChildren } from "preact";
import type { Held } from "../api/view";

export function Notice({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice">
      <h2 class="notice-title">{title}</h2>
      {children && <div class="soft">{children}</div>}
    </div>
  );
}

export function Loading({ what = "" }: { what?: string }) {
  return (
    <div class="notice loading" role="status">
      <span class="bar" aria-hidden="true" />
      <span class="soft">Reading{what && ` ${what}`} …</span>
    </div>
  );
}

/** What a view shows before it has its data, or instead; null once it has. */
export function missing(held: Held<unknown>, what: string) {
  if (held.data !== undefined) return null;
  if (held.failure === undefined || held.failure.status === 0) return <Loading what={what} />;
  return (
    <Notice title={`There is no ${what} to show`}>
      <p>{held.failure.message}</p>
    </Notice>
  );
}
