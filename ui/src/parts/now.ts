/** The time, every few seconds while the page is seen, for what says how long ago something was. */

import { signal } from "@preact/signals";

const EVERY = 5_000;

/** Seconds since 1970. */
export const now = signal(Date.now() / 1000);

setInterval(() => {
  if (!document.hidden) now.value = Date.now() / 1000;
}, EVERY);
