import { signal } from '@preact/signals';

/** The current time, in ms since 1970. It changes every second. */
export const now = signal(Date.now());

setInterval(() => {
  now.value = Date.now();
}, 1_000);
