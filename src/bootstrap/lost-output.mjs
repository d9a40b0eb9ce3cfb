import process from 'node:process';

let isTerminalGone = false;

/**
 * Keeps this process running when nobody can read its output any more: the terminal (EIO) or the
 * reader of the pipe (EPIPE) is gone. Without this, the process would end at the first line that
 * it writes while it stops, and leave its servers running.
 */
export function ignoreLostOutput() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'EIO') isTerminalGone = true;
      else if (error.code !== 'EPIPE') throw error;
    });
  }
}

/**
 * Ends this process. If its terminal is gone, it ends by SIGHUP, because Node aborts on exit if it
 * cannot reset the terminal.
 */
export function exit() {
  if (isTerminalGone) {
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
  }
  process.exit();
}
