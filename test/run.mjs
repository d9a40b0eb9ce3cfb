/**
 * `npm test [-- <jest arguments>]`: makes the checkout ready and runs all tests except the long
 * ones. `npm run test:long [-- <jest arguments>]`: runs those, `*.long.test.ts`. The last line
 * counts what passed and what failed. With NO_SERVERS=1, no servers are started. With --second-try,
 * at most three files that failed are run once more, alone. The last line names those that passed
 * only then. Each is a defect to mend, but does not fail the run.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { cacheDir, root } from '../src/bootstrap/folders.mjs';
import { prepare } from '../src/bootstrap/prepare.mjs';
import { exitOf, fail } from '../src/bootstrap/processes.mjs';
import { stage } from '../src/bootstrap/progress.mjs';
import { findBrowser } from './support/browser.mjs';
import { findKafka } from './support/kafka/find-kafka.mjs';

const SECOND_TRY = '--second-try';
/** If more files fail than this, it is not by chance, so there is no second try. */
const MAX_FAILED_FILES = 3;

const began = Date.now();
const [first, ...rest] = process.argv.slice(2);
const isLong = first === '--long';
const given = isLong || first === undefined ? rest : [first, ...rest];
const secondTry = given.includes(SECOND_TRY);
const asked = given.filter((argument) => argument !== SECOND_TRY);
process.stdout.write(`${whatRuns()}\n`);

await prepare().catch(fail);
if (!process.env['NO_SERVERS']) {
  await stage('Looking for Temporal and MongoDB', findPrograms).catch(fail);
  // If one of them is not found, only the tests that need it fail.
  if (mayNeed('kafka')) await stage('Looking for Kafka', (note) => findKafka(cacheDir, note)).catch(complain);
  if (!isLong && mayNeed('web')) await stage('Looking for a browser', findBrowser).catch(complain);
}

const chosen = isLong
  ? ['--testMatch=**/*.long.test.ts', '--maxWorkers=2']
  : ['--testPathIgnorePatterns=/node_modules/', '--testPathIgnorePatterns=\\.long\\.test\\.ts$'];
/**
 * First the tests of `src/order`, which need no servers and must cover every branch; then the
 * others.
 */
const everything = [
  ['--config', 'test/order/jest.config.mjs'],
  [...chosen, '--testPathIgnorePatterns=/test/order/'],
];
/**
 * @typedef {object} Counts
 * @property {number} files
 * @property {readonly string[]} failedFiles
 * @property {number} passedInFailedFiles
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/** The last counts of each run's reporter. @type {Counts[]} */
const counts = [];
/** True if a run failed although no file did: it was killed, or coverage is too low. */
let failedOtherwise = false;
for (const args of isLong || asked.length > 0 ? [[...asked, ...chosen]] : everything) {
  const run = counts.length;
  const code = await jest(args);
  if (code !== 0) process.exitCode = code;
  if (code !== 0 && !counts[run]?.failedFiles.length) failedOtherwise = true;
  if (code > 128) break;
}
const failedFiles = counts.flatMap((counted) => counted?.failedFiles ?? []);
const isWorthATry =
  secondTry && failedFiles.length > 0 && failedFiles.length <= MAX_FAILED_FILES && !failedOtherwise;
if (isWorthATry) {
  process.stdout.write(`A second try of ${failedFiles.join(', ')}\n`);
  process.exitCode = await jest(['--runInBand', '--runTestsByPath', ...failedFiles]);
}
/** The counts without those of the second try. */
const firstTry = isWorthATry ? counts.slice(0, -1) : counts;
const again = isWorthATry ? counts.at(-1) : undefined;
/** Files that passed only at the second try. */
const unsteady = isWorthATry && process.exitCode === 0 ? failedFiles : [];
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

/** @param {string} part of the paths of the tests that need it */
function mayNeed(part) {
  return asked.length === 0 || asked.some((argument) => argument.includes(part));
}

/** @param {unknown} error */
function complain(error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
}

function whatRuns() {
  const which = isLong
    ? 'The tests that take minutes each'
    : 'The tests, without those that take minutes each (npm run test:long)';
  return asked.length > 0 ? `${which}: ${asked.join(' ')}` : `${which}.`;
}

function tally() {
  const seconds = Math.round((Date.now() - began) / 1_000);
  const time = `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const end = process.exitCode ? 'Failed' : 'All is well';
  const steadiness =
    unsteady.length === 0
      ? ''
      : `Unsteady: ${unsteady.join(', ')} passed only at the second try. Find the race and mend it.\n`;
  const { files, passed, failed, skipped } = total();
  // CI reads the last line to know that tests ran.
  return `${steadiness}${end}: ${failedFiles.length} of ${files} files failed; ${time}.\nTests: ${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The sum of all counts. For a file that was tried twice, the second try counts. */
function total() {
  const sum = (/** @type {'files' | 'passed' | 'passedInFailedFiles' | 'failed' | 'skipped'} */ key) =>
    firstTry.reduce((all, one) => all + one[key], 0);
  const all = { files: sum('files'), passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
  if (again === undefined) return all;
  return { ...all, passed: all.passed - sum('passedInFailedFiles') + again.passed, failed: again.failed };
}

/** @param {(note: string) => void} note */
async function findPrograms(note) {
  const { findProgram, MONGOD, TEMPORAL } = await import(
    new URL('../dist/src/server/embedded/binaries.js', import.meta.url).href
  );
  await Promise.all([TEMPORAL, MONGOD].map((program) => findProgram(program, cacheDir, note)));
}
