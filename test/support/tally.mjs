/**
 * @typedef {object} Run one run of Jest
 * @property {number} code its exit code; above 128 if a signal has ended it
 * @property {Counts | undefined} counts the last that its reporter has sent
 */

/**
 * @typedef {object} Counts
 * @property {number} files
 * @property {readonly string[]} failedFiles
 * @property {number} passedInFailedFiles
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/** @param {readonly Run[]} runs @returns {readonly string[]} */
export function failedFilesOf(runs) {
  return runs.flatMap(({ counts }) => counts?.failedFiles ?? []);
}

/**
 * Whether a run failed although no file did: it was killed, or coverage is too low.
 *
 * @param {Run} run
 */
export function hasFailedOtherwise({ code, counts }) {
  return code !== 0 && !counts?.failedFiles.length;
}

/**
 * What the runs have counted, in lines. The last line has the tests: CI reads it to know that tests
 * ran.
 *
 * @param {object} tests
 * @param {readonly Run[]} tests.runs
 * @param {Run | undefined} tests.retry a second run, of the files that had failed; its results
 *   replace those of the first
 * @param {boolean} tests.hasFailed
 * @param {number} tests.tookMs
 */
export function tally({ runs, retry, hasFailed, tookMs }) {
  const seconds = Math.round(tookMs / 1_000);
  const time = `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const failedFiles = failedFilesOf(runs);
  const { files, passed, failed, skipped } = total(runs, retry);
  const lines = [
    ...runs.filter(hasFailedOtherwise).map(toldOtherwise),
    ...(retry?.code === 0
      ? [`Flaky: ${failedFiles.join(', ')} passed only when retried. Find the race and mend it.`]
      : []),
    `${hasFailed ? 'Failed' : 'All is well'}: ${failedFiles.length} of ${files} files failed; ${time}.`,
    `Tests: ${passed} passed, ${failed} failed, ${skipped} skipped`,
  ];
  return lines.join('\n');
}

/** @param {Run} run */
function toldOtherwise({ code }) {
  return code > 128
    ? `A run of Jest was ended by signal ${code - 128}.`
    : `A run of Jest ended with exit code ${code}, and no file failed: look for "Jest:" above, such as the coverage of src/order.`;
}

/** @param {readonly Run[]} runs @param {Run | undefined} retry */
function total(runs, retry) {
  const sum = (/** @type {'files' | 'passed' | 'passedInFailedFiles' | 'failed' | 'skipped'} */ key) =>
    runs.reduce((all, { counts }) => all + (counts?.[key] ?? 0), 0);
  const all = { files: sum('files'), passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
  const again = retry?.counts;
  if (again === undefined) return all;
  return { ...all, passed: all.passed - sum('passedInFailedFiles') + again.passed, failed: again.failed };
}
