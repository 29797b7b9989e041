/** What this page may do at its server, and the token that proves that a change comes from this page. */

import { signal } from "@preact/signals";

export type Access = "unknown" | "none" | "read" | "write";

export const access = signal<Access>("unknown");
/** Whether there is a session that can be ended. */
export const signedIn = signal(false);
/** Why the last key or code was refused. */
export const refusal = signal("");
/** Sent with every change. */
export const token = signal("");

/** A request was refused for want of a key. */
export function locked(): void {
  access.value = "none";
}
