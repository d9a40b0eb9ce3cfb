/**
 * Apache Kafka, as Maven resolves it from `pom.xml`; Java and Maven are on the PATH, or installed
 * by apt.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { installByApt, whichOf } from '../programs.mjs';

const run = promisify(execFile);
const RESOLVE_WITHIN_MS = 300_000;
const POM = join(process.cwd(), 'test', 'support', 'kafka', 'pom.xml');
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/**
 * @param {string} cacheDir
 * @param {(line: string) => void} report receives a line for what takes time
 * @returns {Promise<string>} the folder of the jars
 * @throws Error whose one-line message says what to do
 */
export async function findKafka(cacheDir, report) {
  const hash = createHash('sha256').update(await readFile(POM));
  const folder = join(cacheDir, `kafka-${hash.digest('hex').slice(0, 8)}`);
  const isThere = await stat(folder).catch(() => undefined);
  if (isThere !== undefined && (await whichOf(['java'])) !== undefined) return folder;
  try {
    if ((await whichOf(['mvn'])) === undefined || (await whichOf(['java'])) === undefined) {
      report('Installing Java and Maven by apt …');
      await installByApt(['default-jre-headless', 'maven']);
    }
    if (isThere === undefined) {
      report('Fetching Apache Kafka by Maven …');
      await resolveTo(folder, cacheDir);
    }
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new Error(
      `The tests of Kafka need its jars (${first}): install Java 17 or newer and Maven so that java and mvn are on PATH.`,
      { cause: error },
    );
  }
  return folder;
}

/**
 * Resolves in a new folder and renames it, because another process may do the same.
 *
 * @param {string} folder
 * @param {string} cacheDir
 */
async function resolveTo(folder, cacheDir) {
  await mkdir(cacheDir, { recursive: true });
  const fetched = await mkdtemp(join(cacheDir, 'fetch-'));
  try {
    const args = ['-q', '-B', '--strict-checksums', '-f', POM, COPY, `-DoutputDirectory=${fetched}`];
    await run('mvn', args, { timeout: RESOLVE_WITHIN_MS });
    await rename(fetched, folder).catch((/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(fetched, { recursive: true, force: true });
  }
}
