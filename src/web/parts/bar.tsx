import type { Tone } from './status.js';

/** A share of a whole as a bar. The component that uses it shows the number beside it. */
export function Bar({
  part,
  whole,
  tone,
}: {
  readonly part: number;
  readonly whole: number;
  readonly tone: Tone;
}) {
  const share = whole === 0 ? 0 : Math.min(1, part / whole);
  return (
    <span class={`bar ${tone}`} aria-hidden="true">
      <span style={{ width: `${(share * 100).toFixed(2)}%` }} />
    </span>
  );
}
