import process from 'node:process';
import { exitCodes } from './failure.js';
import { run } from './program.js';
import { processSession } from './script.js';
import { processTerminal } from './terminal.js';

/** What a process runs for `npx orders`. It ends by itself once its connections are closed. */

process.on('SIGINT', () => process.exit(exitCodes.interrupted));
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads has seen enough, as in `… | head`.
  if (error.code === 'EPIPE') process.exit(exitCodes.done);
  throw error;
});

process.exitCode = await run(process.argv.slice(2), processSession(processTerminal));
