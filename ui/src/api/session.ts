/** Signing in: a key is held only while it is sent; then a cookie stands for it, which no script can read. */

import { access, signedIn, token } from "../state/session";
import { API, ask, type Failure, failureOf, send } from "./http";

interface Session {
  access: "none" | "read" | "write";
  csrf: string;
}

const SESSION = `${API}/session`;

/** Ask what this page may do. A server without sessions lets in whoever it answers. */
export async function begin(): Promise<void> {
  const code = takeCode();
  if (code !== null && (await signIn(code)) === null) return;
  const answer = await ask(SESSION, { cache: "no-store" });
  if (answer.ok) {
    take((await answer.json()) as Session);
    signedIn.value = token.peek() !== "" && access.peek() !== "none";
  } else access.value = answer.status === 404 ? "write" : "none";
}

/** Exchange a key for a session; why that is refused, or null. */
export async function signIn(key: string): Promise<string | null> {
  try {
    take(await send<Session>("POST", SESSION, { key }));
    signedIn.value = true;
    return null;
  } catch (error) {
    return (error as Failure).message;
  }
}

export async function signOut(): Promise<void> {
  const answer = await ask(SESSION, { method: "DELETE", headers: { "x-pbt-csrf": token.peek() } });
  if (!answer.ok) throw await failureOf(answer);
  signedIn.value = false;
  await begin();
}

function take(session: Session): void {
  token.value = session.csrf;
  access.value = session.access;
}

/** The one-time code that `pbt ui` puts behind the address's #; it is removed from there at once. */
function takeCode(): string | null {
  const found = /^#code=([\w-]+)$/.exec(location.hash);
  if (found === null) return null;
  history.replaceState(history.state, "", location.pathname + location.search);
  return found[1] ?? null;
}
