/**
 * `npm test [-- <jest arguments>]`: makes the checkout ready and runs the tests, but for the long ones.
 * `npm run test:long [-- <jest arguments>]`: runs those, `*.long.test.ts`.
 * The last line counts what passed and what failed. With NO_SERVERS=1, no servers are started.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { cacheDir, exitOf, fail, prepare, root } from '../workers/bootstrap.mjs';
import { stage } from '../workers/progress.mjs';

const began = Date.now();
const [first, ...rest] = process.argv.slice(2);
const isLong = first === '--long';
const asked = isLong || first === undefined ? rest : [first, ...rest];
process.stdout.write(`${whatRuns()}\n`);

await prepare().catch(fail);
if (!process.env['NO_SERVERS']) await stage('Looking for Temporal and MongoDB', findPrograms).catch(fail);

const chosen = isLong
  ? ['--testMatch=**/*.long.test.ts']
  : ['--testPathIgnorePatterns=/node_modules/', '--testPathIgnorePatterns=\\.long\\.test\\.ts$'];
/** The order first, since it needs no servers and its coverage must be whole; then the rest. */
const everything = [
  ['--config', 'test/order/jest.config.mjs'],
  [...chosen, '--testPathIgnorePatterns=/test/order/'],
];
/** What the reporter of each run counted last. @type {{ files: number, failedFiles: number, passed: number, failed: number, skipped: number }[]} */
const counts = [];
for (const args of isLong || asked.length > 0 ? [[...asked, ...chosen]] : everything) {
  const code = await jest(args);
  if (code !== 0) process.exitCode = code;
  if (code > 128) break;
}
process.stdout.write(`${tally()}\n`);

/** @param {readonly string[]} args */
async function jest(args) {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, 'node_modules/jest/bin/jest.js', ...args], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const run = counts.length;
  child.on('message', (/** @type {typeof counts[number]} */ counted) => {
    counts[run] = counted;
  });
  const { code, signal } = await exitOf(child);
  return signal === undefined ? (code ?? 1) : 128 + constants.signals[signal];
}

function whatRuns() {
  const which = isLong
    ? 'The tests that take minutes each'
    : 'The tests, without those that take minutes each (npm run test:long)';
  return asked.length > 0 ? `${which}: ${asked.join(' ')}` : `${which}.`;
}

function tally() {
  const sum = (/** @type {keyof typeof counts[number]} */ key) =>
    counts.reduce((all, one) => all + one[key], 0);
  const seconds = Math.round((Date.now() - began) / 1_000);
  const time = `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const end = process.exitCode === undefined ? 'All is well' : 'Failed';
  const tests = `${sum('passed')} tests passed, ${sum('failed')} failed, ${sum('skipped')} skipped`;
  return `${end}: ${tests}; ${sum('failedFiles')} of ${sum('files')} files failed; ${time}.`;
}

/** @param {(note: string) => void} note */
async function findPrograms(note) {
  const { findProgram, MONGOD, TEMPORAL } = await import(
    new URL('../dist/src/server/binaries.js', import.meta.url).href
  );
  await Promise.all([TEMPORAL, MONGOD].map((program) => findProgram(program, cacheDir, note)));
}
