/* `npm start`: prepares a fresh checkout and starts the system. */
import module from 'node:module';
import { join } from 'node:path';
import { checkArguments } from './start/arguments.mjs';
import { cacheDir } from '../src/bootstrap/folders.mjs';
import { ignoreLostOutput } from '../src/bootstrap/lost-output.mjs';
import { prepare } from '../src/bootstrap/prepare.mjs';
import { fail } from '../src/bootstrap/processes.mjs';
import { HELP } from './start/help.mjs';

ignoreLostOutput();
checkArguments('npm start', HELP);
await prepare().catch(fail);
// Node 22 and newer can cache compiled code.
if ('enableCompileCache' in module && typeof module.enableCompileCache === 'function')
  module.enableCompileCache(join(cacheDir, 'compiled'));
await import(new URL('../dist/workers/main.js', import.meta.url).href);
