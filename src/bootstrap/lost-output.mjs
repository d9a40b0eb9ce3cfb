import process from 'node:process';

/** What a write fails with after the terminal (EIO) or the pipe's reader (EPIPE) is gone. */
const LOST = new Set(['EIO', 'EPIPE']);

/**
 * Keeps this process running when nobody can read its output any more. Without this, the first
 * line that it writes while it stops would end it, and its servers would stay.
 */
export function ignoreLostOutput() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (!LOST.has(error.code ?? '')) throw error;
    });
  }
}
