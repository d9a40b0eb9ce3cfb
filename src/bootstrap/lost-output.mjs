import process from 'node:process';

let isTerminalGone = false;

/**
 * Keeps this process running after its terminal (EIO) or the reader of its output (EPIPE) is gone.
 * Without this, the process would end at the first line that it writes while it stops, and leave
 * its servers running.
 */
export function ignoreLostOutput() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'EIO') isTerminalGone = true;
      else if (error.code !== 'EPIPE') throw error;
    });
  }
}

/** Ends this process, by SIGHUP if its terminal is gone. */
export function exit() {
  if (isTerminalGone) endBySighup();
  process.exit();
}

/**
 * Ends this process after its terminal was closed. It does not exit, because Node aborts on exit if
 * it cannot reset the terminal.
 */
export function endBySighup() {
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}
