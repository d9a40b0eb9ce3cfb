#!/usr/bin/env node
/** `npx orders`: runs the built client scripts. */
import { existsSync } from 'node:fs';
import process from 'node:process';

const main = new URL('../../dist/src/cli/main.js', import.meta.url);
const packages = new URL('../../node_modules/commander', import.meta.url);
if (existsSync(main) && existsSync(packages)) {
  await import(main.href);
} else {
  process.stderr.write('orders is not built yet: run `npm start` or `npm run build` first.\n');
  process.exitCode = 5;
}
