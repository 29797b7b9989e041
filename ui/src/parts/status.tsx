/** The state of a population or a member: a mark whose form tells it as well as its colour, and the word. */

const FORMS: Record<string, string> = {
  training: "M3 8a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z",
  finished: "M3 8.5 6.5 12 13 4.5",
  done: "M3 8.5 6.5 12 13 4.5",
  reading: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  waiting: "M5 3.5V12.5M11 3.5V12.5",
  failed: "M4 4 12 12M12 4 4 12",
  broken: "M4 4 12 12M12 4 4 12",
  orphaned: "M8 3V9M8 12.2V12.6",
};
const NONE = "M4 8H12";

export function Status({ state }: { state: string }) {
  return (
    <span class="status" data-state={state}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={FORMS[state] ?? NONE} />
      </svg>
      {state}
    </span>
  );
}
