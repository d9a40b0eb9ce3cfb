/*
 * Makes a checkout ready to run. This folder imports only Node's own modules, because no packages
 * may be installed yet.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { alone } from './alone.mjs';
import { read } from './files.mjs';
import { dist, root } from './folders.mjs';
import { run } from './processes.mjs';
import { stage } from './progress.mjs';
import { HASH_FILE, hashOfSources } from './sources.mjs';

const NEEDED_NODE = [20, 19];

/**
 * Installs the packages and builds the project, each only if its result is missing or out of date.
 * A checkout that is ready does not have to be writable.
 *
 * @throws Error if this process cannot prepare the checkout now; its message has the output of the
 *   program that failed, if one did
 */
export async function prepare() {
  assertNode();
  if (isInstalled() && isBuilt()) return;
  await alone('prepare', async () => {
    if (!isInstalled()) await stage('Installing packages', install);
    if (!isBuilt()) await stage('Building', () => run(process.execPath, ['workers/build.mjs']));
  });
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
  return read(join(dist, HASH_FILE)) === hashOfSources();
}
