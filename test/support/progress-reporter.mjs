import { relative } from 'node:path';
import process from 'node:process';

const LOOK_EVERY_MS = 30_000;

/**
 * Reports the progress of a run if there is no terminal: the number of files at the start, a count
 * after each file, and every 30 seconds which files are running. The counts also go to
 * `test/run.mjs`, if that started the run.
 */
export default class ProgressReporter {
  #began = Date.now();
  /** @type {Map<string, number>} */
  #running = new Map();
  /** @type {NodeJS.Timeout | undefined} */
  #looking;

  /** @param {{ numTotalTestSuites: number }} results */
  onRunStart({ numTotalTestSuites }) {
    say(`${numTotalTestSuites} test ${numTotalTestSuites === 1 ? 'file' : 'files'}`);
    this.#looking = setInterval(() => this.#sayWhatRuns(), LOOK_EVERY_MS);
  }

  /** @param {{ path: string }} test */
  onTestFileStart({ path }) {
    this.#running.set(path, Date.now());
  }

  /**
   * @param {{ path: string }} test
   * @param {unknown} _result
   * @param {Results} results
   */
  onTestFileResult({ path }, _result, results) {
    this.#running.delete(path);
    process.send?.(countedIn(results));
    const { numTotalTestSuites, numPassedTestSuites, numFailedTestSuites, numPendingTestSuites } = results;
    const done = numPassedTestSuites + numFailedTestSuites + numPendingTestSuites;
    if (numTotalTestSuites === 1) return;
    const { numPassedTests: passed, numFailedTests: failed } = results;
    const seconds = this.#secondsSince(this.#began);
    say(
      `     ${done} of ${numTotalTestSuites} files: ${passed} tests passed, ${failed} failed, ${seconds} s`,
    );
  }

  onRunComplete() {
    clearInterval(this.#looking);
  }

  #sayWhatRuns() {
    const files = [...this.#running].map(([path, since]) => {
      const name = path.replace(`${process.cwd()}/`, '');
      return `${name} (${this.#secondsSince(since)} s)`;
    });
    if (files.length > 0) say(`     running: ${files.join(', ')}`);
  }

  /** @param {number} since */
  #secondsSince(since) {
    return Math.round((Date.now() - since) / 1_000);
  }
}

/**
 * @typedef {object} Results Jest's counts
 * @property {number} numTotalTestSuites
 * @property {number} numPassedTestSuites
 * @property {number} numFailedTestSuites
 * @property {number} numPendingTestSuites
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {readonly FileResult[]} testResults
 */

/**
 * @typedef {object} FileResult
 * @property {string} testFilePath
 * @property {number} numFailingTests
 * @property {number} numPassingTests
 * @property {unknown} [testExecError] why the file could not be run
 */

/** @param {FileResult} result */
function hasFailed({ numFailingTests, testExecError }) {
  return numFailingTests > 0 || Boolean(testExecError);
}

/** @param {Results} results so far */
function countedIn(results) {
  const failed = results.testResults.filter(hasFailed);
  return {
    files: results.numTotalTestSuites,
    failedFiles: failed.map(({ testFilePath }) => relative(process.cwd(), testFilePath)),
    passedInFailedFiles: failed.reduce((sum, { numPassingTests }) => sum + numPassingTests, 0),
    passed: results.numPassedTests,
    failed: results.numFailedTests,
    skipped: results.numPendingTests + results.numTodoTests,
  };
}

/** Writes to stderr, as Jest does. @param {string} line */
function say(line) {
  if (!process.stderr.isTTY) process.stderr.write(`${line}\n`);
}
