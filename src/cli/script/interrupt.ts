import process from 'node:process';
import { endBySighup } from '../../bootstrap/lost-output.mjs';
import { exitCodes } from './failure.js';

/* How this process ends before its script has ended. */

/** What must be done before this process ends, for each piece of work under way. */
const lastSteps = new Set<() => void | Promise<void>>();
let isEnding = false;
let endsWithReader = false;

/**
 * Ends this process after the last steps of the work under way (`withLastStep`). A second call
 * changes nothing.
 */
function endNow(end: () => void): void {
  if (isEnding) return;
  isEnding = true;
  const steps = [...lastSteps].map(async (step) => await step());
  void Promise.allSettled(steps).finally(end);
}

function exitNow(exitCode: number): void {
  endNow(() => process.exit(exitCode));
}

function interrupt(): void {
  exitNow(exitCodes.interrupted);
}

/** The terminal was closed. */
function hangUp(): void {
  endNow(endBySighup);
}

/**
 * From now on, Ctrl-C and SIGTERM end this process, and so does an output that cannot be written.
 * If the reader of the output is gone, as with `… | head` or after the terminal was closed, the
 * script continues without output and ends with its own exit code, unless it has called
 * `endWithReader`.
 */
export function endWhenInterrupted(): void {
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      const isOutput = stream === process.stdout;
      if (code === 'EPIPE' || code === 'EIO') {
        if (!isOutput || !endsWithReader) return;
        if (code === 'EIO') hangUp();
        else exitNow(exitCodes.done);
        return;
      }
      if (isOutput) process.stderr.write(`the output is incomplete: ${message}\n`);
      exitNow(exitCodes.unexpected);
    });
  }
}

/** From now on, a lost reader of the output ends this process. For scripts that only show data. */
export function endWithReader(): void {
  endsWithReader = true;
}

/** Runs `work`. If this process has to end before the work is done, `lastStep` runs first. */
export async function withLastStep<T>(
  work: () => Promise<T>,
  lastStep: () => void | Promise<void>,
): Promise<T> {
  lastSteps.add(lastStep);
  try {
    return await work();
  } finally {
    // While the process ends, its script must not continue and print.
    if (isEnding) await new Promise(() => {});
    lastSteps.delete(lastStep);
  }
}

/**
 * Runs `work`, then `cleanUp`. If this process has to end, or its terminal is closed (SIGHUP),
 * `cleanUp` runs immediately, and `work` is abandoned.
 */
export async function withCleanUp<T>(work: () => Promise<T>, cleanUp: () => Promise<void>): Promise<T> {
  let cleaning: Promise<void> | undefined;
  const clean = () => (cleaning ??= cleanUp());
  process.on('SIGHUP', hangUp);
  try {
    return await withLastStep(async () => {
      try {
        return await work();
      } finally {
        await clean();
      }
    }, clean);
  } finally {
    process.off('SIGHUP', hangUp);
  }
}
