import { setTimeout } from 'node:timers/promises';

const EVERY_MS = 50;

/**
 * Tries a check until it passes, and gives what it gives.
 *
 * @param check passes by not throwing: an `expect` in it fails the test only when time is up
 * @throws what the check threw last, after `seconds`
 */
export async function until<T>(check: () => Promise<T>, seconds = 30): Promise<T> {
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
