/** `npm start`: prepares a fresh checkout and starts the system. */
import process from 'node:process';
import { isHelpAsked } from './arguments.mjs';
import { fail, prepare } from './bootstrap.mjs';
import { HELP } from './help.mjs';

if (isHelpAsked('npm start')) {
  process.stdout.write(HELP);
} else {
  await prepare().catch(fail);
  await import(new URL('../dist/workers/main.js', import.meta.url).href);
}
