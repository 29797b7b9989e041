/** The form that asks for a key. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { signIn } from "../api/session";
import { refusal } from "../state/session";

export function SignIn() {
  const busy = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    const key = field.current?.value.trim() ?? "";
    if (!key || busy.value) return;
    busy.value = true;
    await signIn({ key });
    busy.value = false;
    field.current?.select();
  };
  return (
    <form class="signin" onSubmit={submit}>
      <h1>Sign in</h1>
      <p class="soft">
        This server asks for a key. It lies in the server's folder: <code>key</code> lets this page change things,{" "}
        <code>key.read</code> only look.
      </p>
      <label for="key">Key</label>
      <input
        id="key"
        ref={field}
        type="password"
        autocomplete="current-password"
        spellcheck={false}
        aria-describedby="refusal"
        aria-invalid={refusal.value !== ""}
      />
      <p id="refusal" class="refusal" role="alert">
        {refusal.value}
      </p>
      <button type="submit" class="primary" disabled={busy.value}>
        Sign in
      </button>
    </form>
  );
}
