import { signal } from '@preact/signals';

/** The current time in milliseconds. It changes every second. */
export const now = signal(Date.now());

setInterval(() => {
  now.value = Date.now();
}, 1_000);
