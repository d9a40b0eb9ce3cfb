import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createFile, isObject, readJson, writeJson } from './files.js';
import { isAlive, isProcessId, type ProcessId, processId } from './process.js';

/** The content of a lock file; without a holder, the lock is free. */
interface Holder {
  readonly heldBy?: ProcessId;
}

function isHolder(content: unknown): content is Holder {
  return isObject(content) && (content['heldBy'] === undefined || isProcessId(content['heldBy']));
}

/**
 * The number of old files that are kept. Listing a folder is not atomic, but with so many files no
 * listing can miss all of them.
 */
const KEPT_FILES = 10;
const TELL_AFTER_MS = 2_000;
const LOOK_EVERY_MS = 50;

/**
 * Runs `work` while no other caller, in this or another process, holds the lock of this folder. The
 * lock of a process that died is free.
 *
 * The folder contains numbered files, and the one with the highest number is the lock. Creating the
 * next number takes the lock, and only one process can succeed. The highest number is never
 * deleted, so a slow contender sees that the number it created is outdated.
 *
 * @param onWait called once, with the holder's pid, if the lock is not free after a while
 * @throws Error if the lock is not free within `timeoutMs`, or the folder cannot be written
 */
export async function withLock<T>(
  folder: string,
  timeoutMs: number,
  work: () => Promise<T>,
  onWait: (pid: number) => void = () => undefined,
): Promise<T> {
  mkdirSync(folder, { recursive: true });
  const began = Date.now();
  let isTold = false;
  let tried = tryAcquire(folder);
  while (tried.taken === undefined) {
    const pid = tried.heldBy?.pid;
    const waited = Date.now() - began;
    if (waited > timeoutMs)
      throw new Error(
        `${pid === undefined ? 'Another process' : `Process ${pid}`} has held ${folder} for too long: end it and try again.`,
      );
    if (!isTold && pid !== undefined && waited > TELL_AFTER_MS) {
      isTold = true;
      onWait(pid);
    }
    await setTimeout(LOOK_EVERY_MS);
    tried = tryAcquire(folder);
  }
  try {
    return await work();
  } finally {
    const released: Holder = {};
    writeJson(join(folder, String(tried.taken)), released);
  }
}

/** The number that was taken, or the current holder; neither if another contender was first. */
interface Tried extends Holder {
  readonly taken?: number;
}

function tryAcquire(folder: string): Tried {
  const highest = Math.max(0, ...numbersTaken(folder));
  const { heldBy } = readJson(isHolder, join(folder, String(highest))) ?? {};
  if (heldBy !== undefined && isAlive(heldBy)) return { heldBy };

  const next = highest + 1;
  const holder: Holder = { heldBy: processId(process.pid) };
  if (!createFile(join(folder, String(next)), JSON.stringify(holder))) return {};
  const now = numbersTaken(folder);
  const passed = Math.max(...now) > next ? [next] : now.filter((number) => number < next - KEPT_FILES);
  for (const number of passed) rmSync(join(folder, String(number)), { force: true });
  return passed.includes(next) ? {} : { taken: next };
}

function numbersTaken(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
