/*
 * A lock file, for work before TypeScript is compiled. `src/server/embedded/lock.ts` is a second
 * lock, of the compiled program, because each can do what the other cannot. This one needs no
 * build, and sees whether a holder in another container or on another machine lives. The second one
 * never has two holders. This one may have two in a rare race (`putBack`): a build can be repeated,
 * but two servers must not use the same data.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { codeOf, notWritable, read } from './files.mjs';

const HEARTBEAT_MS = 500;
/** A holder without a heartbeat for this long is dead or stopped. */
const SILENT_MS = 4_000;
const LOOK_EVERY_MS = 200;
const TELL_AFTER_MS = 1_000;

/**
 * Runs `work` while no other process holds the lock file. The holder touches the file regularly. A
 * process id alone does not show that the holder lives: it may have been reused, or may be of
 * another machine. A caller waits for a holder with such a heartbeat, however long it takes, and
 * takes over the file of a dead holder.
 *
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {(line: string) => void} report called once, with what is waited for
 * @returns {Promise<T>}
 * @throws Error with a one-line message, within five seconds, if the file cannot be written, or if
 *   the holder's process exists but has no heartbeat
 */
export async function withLockFile(path, work, report) {
  const mine = `${process.pid} ${randomUUID()}`;
  await take(path, mine, report);
  const release = () => {
    if (read(path) === mine) rmSync(path, { force: true });
  };
  const heartbeats = setInterval(() => heartbeat(path), HEARTBEAT_MS);
  process.once('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(heartbeats);
    process.off('exit', release);
    release();
  }
}

/**
 * @param {string} path
 * @param {string} mine
 * @param {(line: string) => void} report
 */
async function take(path, mine, report) {
  const began = Date.now();
  let isTold = false;
  let last = signOf(path);
  let since = began;
  while (!create(path, mine)) {
    const now = Date.now();
    const sign = signOf(path);
    if (sign.text !== last.text || sign.touchedAt !== last.touchedAt) {
      last = sign;
      since = now;
    } else if (now - since > SILENT_MS) {
      const pid = Number.parseInt(sign.text ?? '', 10);
      if (isRunning(pid)) {
        throw new Error(
          `Process ${pid} holds ${path} and shows no sign of life: end it, or delete the file if that process does ` +
            'not prepare this checkout.',
        );
      }
      takeAway(path, sign.text);
      continue;
    }
    if (!isTold && now - began > TELL_AFTER_MS) {
      isTold = true;
      report(`Waiting for another process that prepares this checkout (${path}).`);
    }
    await setTimeout(LOOK_EVERY_MS);
  }
}

/**
 * @param {string} path
 * @param {string} text
 * @returns {boolean} false if the file exists
 */
function create(path, text) {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw notWritable(path, error);
  }
}

/**
 * Removes the file of a dead holder. If another process has taken the lock meanwhile, its file is
 * put back.
 *
 * @param {string} path
 * @param {string | undefined} text content of the dead holder's file
 */
function takeAway(path, text) {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw notWritable(path, error);
  }
  if (read(aside) !== text) putBack(aside, path);
  rmSync(aside, { force: true, recursive: true });
}

/**
 * Puts a holder's file back. If a third process has taken the lock meanwhile, its file stays, and
 * the two work at the same time.
 *
 * @param {string} aside
 * @param {string} path
 */
function putBack(aside, path) {
  try {
    linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw notWritable(path, error);
  }
}

/** A value that changes with each holder and each heartbeat. @param {string} path */
function signOf(path) {
  return { text: read(path), touchedAt: statSync(path, { throwIfNoEntry: false })?.mtimeMs };
}

/** @param {string} path */
function heartbeat(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // The file was probably deleted. The holder's work continues without the heartbeat.
  }
}

/** @param {number} pid */
function isRunning(pid) {
  if (!(pid > 0)) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // The process belongs to another user.
    return codeOf(error) === 'EPERM';
  }
}
