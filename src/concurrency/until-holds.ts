/** The callbacks of waiters, called when something that they may wait for has changed. */
export type Waiters = Set<() => void>;

export function notifyWaiters(waiters: Waiters): void {
  for (const notify of waiters) notify();
}

/**
 * Resolves when `holds` is true, when time is up or when `signal` aborts. `holds` is checked at the
 * call and each time that the waiters are notified. No listener is left on `signal`.
 */
export async function untilHolds(
  waiters: Waiters,
  holds: () => boolean,
  signal: AbortSignal,
  withinMs: number,
): Promise<void> {
  if (holds() || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      waiters.delete(check);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const check = (): void => {
      if (holds()) end();
    };
    const timer = setTimeout(end, withinMs);
    waiters.add(check);
    signal.addEventListener('abort', end, { once: true });
  });
}
