import { linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { codeOf, isObject, readJson, writeJson } from './files.js';
import { isAlive, isProcessId, type ProcessId, processId } from './process.js';

/** Nobody, when released. */
interface Holder {
  readonly heldBy?: ProcessId;
}

function isHolder(content: unknown): content is Holder {
  return isObject(content) && (content['heldBy'] === undefined || isProcessId(content['heldBy']));
}

/** A folder is not listed in one instant: with this many kept, a listing cannot miss them all. */
const KEPT = 10;
const PATIENCE_MS = 2_000;

/**
 * Runs `work` while no other process, nor another caller in this one, holds the lock of this folder. The lock of a
 * process that died is free.
 *
 * The folder holds numbered files, and the highest number is the lock: who creates the next number, which only one
 * can, holds it. The highest is never deleted, so a slow contender sees that the number it took was passed long ago.
 * @param onWait told once, with the pid of the holder, when it takes a while
 * @throws Error when the lock is not free within `timeoutMs`, or when the folder cannot be written.
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
        `${pid === undefined ? 'Another process' : `Process ${pid}`} holds ${folder} for too long: end it and try again.`,
      );
    if (!isTold && pid !== undefined && waited > PATIENCE_MS) {
      isTold = true;
      onWait(pid);
    }
    await setTimeout(50);
    tried = tryAcquire(folder);
  }
  try {
    return await work();
  } finally {
    const released: Holder = {};
    writeJson(join(folder, String(tried.taken)), released);
  }
}

/** The number that was taken, or who holds the lock instead; neither when another contender was first. */
interface Tried extends Holder {
  readonly taken?: number;
}

function tryAcquire(folder: string): Tried {
  const highest = Math.max(0, ...generations(folder));
  const { heldBy } = readJson(isHolder, join(folder, String(highest))) ?? {};
  if (heldBy !== undefined && isAlive(heldBy)) return { heldBy };

  const next = highest + 1;
  if (!create(folder, next)) return {};
  const now = generations(folder);
  const passed = Math.max(...now) > next ? [next] : now.filter((generation) => generation < next - KEPT);
  for (const generation of passed) rmSync(join(folder, String(generation)), { force: true });
  return passed.includes(next) ? {} : { taken: next };
}

function generations(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Creates the numbered file with its content at once, or not at all. */
function create(folder: string, generation: number): boolean {
  const draft = join(folder, randomUUID());
  const holder: Holder = { heldBy: processId(process.pid) };
  writeFileSync(draft, JSON.stringify(holder));
  try {
    linkSync(draft, join(folder, String(generation)));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}
