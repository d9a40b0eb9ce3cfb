import process from 'node:process';
import { run } from './program.js';
import { exitCodes } from './script/failure.js';
import { exitWhenInterrupted } from './script/interrupt.js';
import { processTerminal } from './terminal/terminal.js';

/** The process of `npx orders`. It ends when its connections are closed. */

exitWhenInterrupted();
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader closed the pipe, as `… | head` does.
  if (error.code === 'EPIPE') process.exit(exitCodes.done);
  throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  terminal: processTerminal,
  env: process.env,
  // Imported on use, because Temporal's SDK loads slowly and most scripts do without it.
  async openWriteSide(config) {
    const { openWriteSide } = await import('./connections/write-side.js');
    return await openWriteSide(config);
  },
});
