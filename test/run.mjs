/** `npm test [-- <jest arguments>]`: makes the checkout ready and runs the tests. With NO_SERVERS=1, no servers are started. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { cacheDir, exitOf, fail, prepare, root } from '../workers/bootstrap.mjs';
import { stage } from '../workers/progress.mjs';

await prepare().catch(fail);
if (!process.env['NO_SERVERS']) await stage('Looking for Temporal and MongoDB', findPrograms).catch(fail);
const jest = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
];
const { code, signal } = await exitOf(
  spawn(process.execPath, [...jest, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' }),
);
process.exitCode = signal === undefined ? (code ?? 1) : 128 + constants.signals[signal];

/** @param {(note: string) => void} note */
async function findPrograms(note) {
  const { findProgram, MONGOD, TEMPORAL } = await import(
    new URL('../dist/src/platform/binaries.js', import.meta.url).href
  );
  await Promise.all([TEMPORAL, MONGOD].map((program) => findProgram(program, cacheDir, note)));
}
