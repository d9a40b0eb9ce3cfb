/*
 * The checkout: its folders, and how it is made ready to run. Imports only Node's own modules,
 * because no packages may be installed yet.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { notWritable, withLockFile } from './lock-file.mjs';
import { stage } from './progress.mjs';

/** The folder of the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
/** Folder for downloaded programs. */
export const cacheDir = join(root, '.cache');
/** Folder of the build. */
export const dist = join(root, 'dist');
/** File in `dist` with the hash of the sources that it was built from. */
export const SOURCES = 'sources.sha256';
const NEEDED_NODE = [20, 19];

/**
 * Installs the packages and builds, each only if it is missing or out of date. A checkout that is
 * ready need not be writable.
 *
 * @throws Error with a one-line message if this process cannot prepare the checkout now
 */
export async function prepare() {
  assertNode();
  if (isInstalled() && isBuilt()) return;
  await alone(async () => {
    if (!isInstalled()) await stage('Installing packages', install);
    if (!isBuilt()) await stage('Building', () => run(process.execPath, ['workers/build.mjs']));
  });
}

/** Prints what went wrong on one line and exits. @param {unknown} error @returns {never} */
export function fail(error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

/**
 * Runs a program in the checkout and shows its output only if it fails. SIGINT and SIGTERM are
 * passed on to it.
 *
 * @param {string} command
 * @param {readonly string[]} args
 */
export async function run(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  const { code, signal } = await exitOf(child);
  if (signal !== undefined) process.exit(128 + constants.signals[signal]);
  if (code !== 0) throw new Error(`${output.trim()}\n\`${command} ${args.join(' ')}\` failed.`);
}

/**
 * Waits for a child process to end, and passes on the signals that ask this process to end.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<{ code: number | null, signal: 'SIGINT' | 'SIGTERM' | undefined }>} its exit
 *   code, and the signal that was passed on
 */
export async function exitOf(child) {
  /** @type {'SIGINT' | 'SIGTERM' | undefined} */
  let signal;
  const interrupt = () => child.kill((signal = 'SIGINT'));
  const terminate = () => child.kill((signal = 'SIGTERM'));
  process.on('SIGINT', interrupt).on('SIGTERM', terminate);
  try {
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    return { code, signal };
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', terminate);
  }
}

function assertNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = NEEDED_NODE;
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new Error(
    `Node ${process.versions.node} is too old: install Node ${NEEDED_NODE.join('.')} or newer.`,
  );
}

async function install() {
  await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
}

/**
 * True if the installed packages match package-lock.json. Packages for other platforms may be
 * missing.
 */
function isInstalled() {
  const installed = read(join(root, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return false;
  /** @typedef {{ packages: Record<string, { version?: string, optional?: boolean }> }} Lock */
  /** @type {Lock} */
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  /** @type {Lock} */
  const present = JSON.parse(installed);
  return Object.entries(wanted.packages).every(
    ([path, { version, optional }]) => path === '' || optional || present.packages[path]?.version === version,
  );
}

function isBuilt() {
  return read(join(dist, SOURCES)) === hashOfSources();
}

/** Hash of everything that the build depends on; paths are relative to the checkout. */
export function hashOfSources() {
  const hash = createHash('sha256');
  for (const folder of ['src', 'workers']) {
    const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
      hash.update(`${relative(root, path)}\0`).update(readFileSync(path));
    }
  }
  for (const name of ['tsconfig.json', 'package-lock.json']) hash.update(readFileSync(join(root, name)));
  return hash.digest('hex');
}

/** Runs `work` while no other process prepares this checkout. @param {() => Promise<void>} work */
async function alone(work) {
  try {
    mkdirSync(cacheDir, { recursive: true });
  } catch (error) {
    throw notWritable(cacheDir, error);
  }
  await withLockFile(join(cacheDir, 'prepare.lock'), work, (line) => process.stdout.write(`${line}\n`));
}

/** @param {string} path @returns {string | undefined} */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
