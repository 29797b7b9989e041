/** A short word on what was just done. */

import { signal } from "@preact/signals";

const said = signal("");
let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string): void {
  clearTimeout(timer);
  said.value = text;
  timer = setTimeout(() => {
    said.value = "";
  }, 4_000);
}

export function Toast() {
  return (
    <div class="toast" role="status" data-shown={said.value !== ""}>
      {said.value}
    </div>
  );
}
