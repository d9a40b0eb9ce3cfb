#!/usr/bin/env node
/* `npx orders`: runs the built client scripts. */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const program = new URL('../../dist/src/cli/program.js', import.meta.url);
const packages = new URL('../../node_modules/commander', import.meta.url);
// Scripts use the data folder of `npm start`, whichever folder they are run in, because it has the
// master key.
process.env['DATA_DIR'] ||= fileURLToPath(new URL('../../.data', import.meta.url));
const isBuilt = existsSync(program) && existsSync(packages);
// The name of the script: the first argument that is no option and no value of one.
const script = process.argv
  .slice(2)
  .find(
    (arg, index, args) => !arg.startsWith('-') && !['--url', '--key-file'].includes(args[index - 1] ?? ''),
  );
// `orders demo` also works in a fresh checkout.
const mayBuild = script === 'demo';
if (!isBuilt && mayBuild) {
  const [{ prepare }, { fail }] = await Promise.all([
    import('../bootstrap/prepare.mjs'),
    import('../bootstrap/processes.mjs'),
  ]);
  await prepare().catch((error) => fail(error, 5));
}
if (isBuilt || mayBuild) {
  const { main } = await import(program.href);
  await main();
} else {
  process.stderr.write('orders is not built yet: run `npm start` or `npm run build` first.\n');
  process.exitCode = 5;
}
