/** One of a few, side by side. */

interface ChoiceProps {
  label: string;
  options: readonly (readonly [id: string, text: string])[];
  chosen: string;
  choose: (id: string) => void;
}

export function Choice({ label, options, chosen, choose }: ChoiceProps) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([id, text]) => (
        <button key={id} type="button" aria-pressed={id === chosen} onClick={() => choose(id)}>
          {text}
        </button>
      ))}
    </div>
  );
}
