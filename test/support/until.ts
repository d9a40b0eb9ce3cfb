import { setTimeout } from 'node:timers/promises';

const EVERY_MS = 50;

/**
 * Repeats a check until it passes, and returns its result.
 *
 * @param check passes if it does not throw; an `expect` in it fails the test only after `seconds`
 * @throws the last error of the check, after `seconds`
 */
export async function until<T>(check: () => T | Promise<T>, seconds = 60): Promise<T> {
  const giveUpAt = Date.now() + seconds * 1_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > giveUpAt) throw error;
    }
    await setTimeout(EVERY_MS);
  }
}
