/** `npm test [-- <jest arguments>]`: makes the checkout ready and runs the tests. With NO_SERVERS=1, no servers are started. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { cacheDir, exitOf, fail, prepare, root } from '../workers/bootstrap.mjs';
import { stage } from '../workers/progress.mjs';

await prepare().catch(fail);
if (!process.env['NO_SERVERS']) await stage('Looking for Temporal and MongoDB', findPrograms).catch(fail);

const asked = process.argv.slice(2);
/** Everything: the domain first, since it needs no servers and its coverage must be whole; then the rest. */
const everything = [
  ['--config', 'test/domain/jest.config.mjs'],
  ['--testPathIgnorePatterns', '/node_modules/', '/test/domain/'],
];
for (const args of asked.length > 0 ? [asked] : everything) {
  process.exitCode = await jest(args);
  if (process.exitCode !== 0) break;
}

/** @param {readonly string[]} args */
async function jest(args) {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const { code, signal } = await exitOf(
    spawn(process.execPath, [...flags, 'node_modules/jest/bin/jest.js', ...args], {
      cwd: root,
      stdio: 'inherit',
    }),
  );
  return signal === undefined ? (code ?? 1) : 128 + constants.signals[signal];
}

/** @param {(note: string) => void} note */
async function findPrograms(note) {
  const { findProgram, MONGOD, TEMPORAL } = await import(
    new URL('../dist/src/platform/binaries.js', import.meta.url).href
  );
  await Promise.all([TEMPORAL, MONGOD].map((program) => findProgram(program, cacheDir, note)));
}
