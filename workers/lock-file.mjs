/** A lock that is a file. Uses Node's own modules only: it is taken before there are any others. */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

const BEAT_MS = 500;
/** Without a beat for so long, the holder has died or stands still. */
const SILENT_MS = 4_000;
const LOOK_EVERY_MS = 200;
const PATIENCE_MS = 1_000;

/**
 * Runs `work` while no other process holds the file. The holder touches the file as long as it lives, so a process id that
 * was given to another process, or that belongs to another machine, is not mistaken for it. A holder that beats is waited
 * for, however long it takes; the file of one that died is taken over.
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {(line: string) => void} report told once what is waited for
 * @returns {Promise<T>}
 * @throws Error in one line, within five seconds, when the file cannot be written, or when its holder seems to live and
 *   does not beat
 */
export async function withLockFile(path, work, report) {
  const mine = `${process.pid} ${randomUUID()}`;
  await take(path, mine, report);
  const release = () => {
    if (read(path) === mine) rmSync(path, { force: true });
  };
  const beating = setInterval(() => beat(path), BEAT_MS);
  process.once('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(beating);
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
    if (!isTold && now - began > PATIENCE_MS) {
      isTold = true;
      report(`Waiting for another process that prepares this checkout (${path}).`);
    }
    await setTimeout(LOOK_EVERY_MS);
  }
}

/** @param {string} path @param {string} text whether it was not there */
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
 * Removes the file of a holder that died. A holder that came between gets it back.
 * @param {string} path
 * @param {string | undefined} text of the file that is meant
 */
function takeAway(path, text) {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw notWritable(path, error);
  }
  if (read(aside) !== text) linkSync(aside, path);
  rmSync(aside, { force: true, recursive: true });
}

/** What changes with each holder and each beat. @param {string} path */
function signOf(path) {
  return { text: read(path), touchedAt: statSync(path, { throwIfNoEntry: false })?.mtimeMs };
}

/** @param {string} path */
function beat(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Deleted by a person: the work goes on.
  }
}

/** @param {number} pid */
function isRunning(pid) {
  if (!(pid > 0)) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It belongs to another user.
    return codeOf(error) === 'EPERM';
  }
}

/** @param {string} path @returns {string | undefined} */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** @param {string} path @param {unknown} error */
export function notWritable(path, error) {
  return new Error(
    `${path} cannot be written (${codeOf(error) ?? String(error)}): make the checkout writable for this user, or run ` +
      '`npm start` once as a user who may write there.',
  );
}

/** @param {unknown} error @returns {string | undefined} */
function codeOf(error) {
  return typeof error === 'object' && error && 'code' in error ? String(error.code) : undefined;
}
