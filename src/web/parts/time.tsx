import { now } from '../clock.js';
import { ago, dayAndTime } from '../format.js';

/** How long ago something was; the exact time is its title. */
export function Ago({ at }: { readonly at: string }) {
  return (
    <time dateTime={at} title={dayAndTime(at)}>
      {ago(at, now.value)}
    </time>
  );
}
