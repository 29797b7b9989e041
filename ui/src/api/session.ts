/** Signing in: a key is held only while it is sent; then a cookie stands for it, which no script can read. */

import { access, refusal, signedIn, token } from "../state/session";
import { API, ask, type Failure, failureOf, send } from "./http";
import { isReport } from "./report";

interface Session {
  access: "none" | "read" | "write";
  csrf: string;
}

const SESSION = `${API}/session`;

/** Ask what this page may do; first exchange the code in its address, if there is one. */
export async function begin(): Promise<void> {
  if (isReport) {
    access.value = "read";
    return;
  }
  const code = takeCode();
  if (code !== null && (await signIn({ code }))) return;
  const answer = await ask(SESSION, { cache: "no-store" });
  if (!answer.ok) throw await failureOf(answer);
  take((await answer.json()) as Session);
}

/** Exchange a key, or a code, for a session; whether that was granted. Why not, `refusal` says. */
export async function signIn(given: { key: string } | { code: string }): Promise<boolean> {
  try {
    take(await send<Session>("POST", SESSION, given));
    refusal.value = "";
    return true;
  } catch (error) {
    refusal.value = (error as Failure).message;
    return false;
  }
}

export async function signOut(): Promise<void> {
  take(await send<Session>("DELETE", SESSION));
}

function take(session: Session): void {
  token.value = session.csrf;
  access.value = session.access;
  signedIn.value = session.csrf !== "";
}

/** The one-time code that `pbt ui` puts behind the address's #; it is removed from there at once. */
function takeCode(): string | null {
  const found = /^#code=([\w-]+)$/.exec(location.hash);
  if (found === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return found[1] ?? null;
}
