import process from 'node:process';
import { run } from './program.js';
import { exitCodes, exitWhenInterrupted } from './script/script.js';
import { processTerminal } from './script/terminal.js';

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
  async openTemporalGateway(config) {
    const { openTemporalGateway } = await import('./connections/temporal-gateway.js');
    return await openTemporalGateway(config);
  },
});
