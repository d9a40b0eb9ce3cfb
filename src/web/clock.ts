import { signal } from '@preact/signals';

/** The time, by the second, in milliseconds. */
export const now = signal(Date.now());

setInterval(() => {
  now.value = Date.now();
}, 1_000);
