/**
 * `npm test [-- <jest arguments>]`: makes the checkout ready and runs all tests except the long
 * ones. `npm run test:long [-- <jest arguments>]`: runs those, `*.long.test.ts`. The last line
 * counts what passed and what failed. With NO_SERVERS=1, no servers are started. With --retry, at
 * most three files that failed are run once more, alone. The line above the last two names the
 * flaky ones, which passed only then. Each is a defect to mend, but does not fail the run.
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
import { failedFilesOf, hasFailedOtherwise, tally } from './support/tally.mjs';

const RETRY = '--retry';
/** If more files fail than this, it is not by chance, so none is retried. */
const MAX_RETRIED_FILES = 3;

const began = Date.now();
const [first, ...rest] = process.argv.slice(2);
const isLong = first === '--long';
const given = isLong || first === undefined ? rest : [first, ...rest];
/** The arguments for Jest: which tests to run; all if there are none. */
const asked = given.filter((argument) => argument !== RETRY);
process.stdout.write(`${whatRuns()}\n`);

await prepare().catch(fail);
if (!process.env['NO_SERVERS']) await findServers();

const runs = await runTests();
const retry = given.includes(RETRY) ? await retryFailed() : undefined;
process.exitCode = retry?.code ?? runs.findLast(({ code }) => code !== 0)?.code ?? 0;
const tookMs = Date.now() - began;
process.stdout.write(`${tally({ runs, retry, hasFailed: process.exitCode !== 0, tookMs })}\n`);

function whatRuns() {
  const which = isLong
    ? 'The tests that take minutes each'
    : 'The tests, without those that take minutes each (npm run test:long)';
  return asked.length > 0 ? `${which}: ${asked.join(' ')}` : `${which}.`;
}

/** Finds the servers and the browser. If one is not found, only the tests that need it fail. */
async function findServers() {
  await stage('Looking for Temporal and MongoDB', findPrograms).catch(fail);
  if (mayNeed('kafka')) await stage('Looking for Kafka', (note) => findKafka(cacheDir, note)).catch(complain);
  if (!isLong && mayNeed('web')) await stage('Looking for a browser', findBrowser).catch(complain);
}

/** @param {(note: string) => void} note */
async function findPrograms(note) {
  const { findProgram, MONGOD, TEMPORAL } = await import(
    new URL('../dist/src/server/embedded/binaries.js', import.meta.url).href
  );
  await Promise.all([TEMPORAL, MONGOD].map((program) => findProgram(program, cacheDir, note)));
}

/** @param {string} part of the paths of the tests that need it */
function mayNeed(part) {
  return asked.length === 0 || asked.some((argument) => argument.includes(part));
}

/** @param {unknown} error */
function complain(error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
}

/**
 * Runs what was asked for. If that is everything, the tests of `src/order` run first: they need no
 * servers, and must cover every branch.
 */
async function runTests() {
  const chosen = isLong
    ? ['--testMatch=**/*.long.test.ts', '--maxWorkers=2']
    : ['--testPathIgnorePatterns=/node_modules/', '--testPathIgnorePatterns=\\.long\\.test\\.ts$'];
  const everything = [
    ['--config', 'test/order/jest.config.mjs'],
    [...chosen, '--testPathIgnorePatterns=/test/order/'],
  ];
  const made = [];
  for (const args of isLong || asked.length > 0 ? [[...asked, ...chosen]] : everything) {
    const run = await jest(args);
    made.push(run);
    if (run.code > 128) break;
  }
  return made;
}

/** Runs the files that failed once more; undefined if none did, or not by chance. */
async function retryFailed() {
  const files = failedFilesOf(runs);
  if (files.length === 0 || files.length > MAX_RETRIED_FILES || runs.some(hasFailedOtherwise))
    return undefined;
  process.stdout.write(`Retrying ${files.join(', ')}\n`);
  return await jest(['--runInBand', '--runTestsByPath', ...files]);
}

/** @param {readonly string[]} args @returns {Promise<import('./support/tally.mjs').Run>} */
async function jest(args) {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, 'node_modules/jest/bin/jest.js', ...args], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  /** @type {import('./support/tally.mjs').Counts | undefined} */
  let counts;
  child.on('message', (/** @type {import('./support/tally.mjs').Counts} */ counted) => {
    counts = counted;
  });
  const { code, signal } = await exitOf(child);
  return { code: signal === undefined ? (code ?? 1) : 128 + constants.signals[signal], counts };
}
