import process from 'node:process';
import { exitCodes } from './failure.js';

const exit = (): never => process.exit(exitCodes.interrupted);

/** From now on, Ctrl-C ends this process immediately, with the exit code for it. */
export function exitWhenInterrupted(): void {
  process.on('SIGINT', exit);
}

/**
 * Runs `work`, then `cleanUp`. If a signal asks this process to end, `cleanUp` runs immediately,
 * and `work` is abandoned.
 */
export async function cleanedUp<T>(work: () => Promise<T>, cleanUp: () => Promise<void>): Promise<T> {
  let cleaning: Promise<void> | undefined;
  const clean = () => (cleaning ??= cleanUp());
  const interrupt = () => void clean().finally(exit);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  process.off('SIGINT', exit);
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work();
  } finally {
    await clean();
    for (const signal of signals) process.off(signal, interrupt);
    exitWhenInterrupted();
  }
}
