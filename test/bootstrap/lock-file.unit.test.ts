import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { withLockFile } from '../../src/bootstrap/lock-file.mjs';

const folder = mkdtempSync(join(tmpdir(), 'orders-lock-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const lines: string[] = [];
afterEach(() => void lines.splice(0));
const take = <T>(path: string, work: () => Promise<T>) =>
  withLockFile(path, work, (line) => lines.push(line));

const HOLD = `
  const { withLockFile } = await import(${JSON.stringify(pathToFileURL('src/bootstrap/lock-file.mjs').href)});
  await withLockFile(process.argv[1], () => {
    process.stdout.write('held');
    return new Promise((resolve) => process.stdin.once('data', resolve));
  }, () => undefined);
  process.exit();
`;

/** Another process that holds the lock until the test releases it. */
async function otherHolder(path: string) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', HOLD, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  return { child, letGo: () => child.stdin.write('\n') };
}

test('the lock has one holder at a time, and leaves no file', async () => {
  const path = join(folder, 'contended');
  let [inside, most] = [0, 0];
  const work = async () => {
    most = Math.max(most, (inside += 1));
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 5 }, () => take(path, work)));
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('a living holder is waited for longer than one without a sign of life, with a message', async () => {
  const path = join(folder, 'alive');
  const holder = await otherHolder(path);
  const taken = take(path, async () => 'mine');
  const early = await Promise.race([taken, new Promise((resolve) => setTimeout(resolve, 6_000, 'waiting'))]);
  expect(early).toBe('waiting');
  expect(lines).toEqual([expect.stringMatching(/^Waiting for another process that prepares this checkout/)]);
  holder.letGo();
  expect(await taken).toBe('mine');
});

test('the lock file of a holder that was killed is taken over', async () => {
  const path = join(folder, 'killed');
  const { child } = await otherHolder(path);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  expect(await take(path, async () => readFileSync(path, 'utf8'))).toMatch(new RegExp(`^${process.pid} `));
});

test.each(['', 'no number', '0'])(
  'a lock file with %j in it belongs to no process and is taken over',
  async (content) => {
    const path = join(folder, 'stale');
    writeFileSync(path, content);
    expect(await take(path, async () => 'mine')).toBe('mine');
  },
);

describe('a lock that cannot be taken is one line, with a remedy:', () => {
  test('the file names another process that is alive', async () => {
    const path = join(folder, 'foreign');
    const sleeper = spawn('sleep', ['600']);
    children.push(sleeper);
    await once(sleeper, 'spawn');
    writeFileSync(path, String(sleeper.pid));
    await expect(take(path, async () => 'mine')).rejects.toThrow(
      `Process ${sleeper.pid} holds ${path} and shows no sign of life: end it, or delete the file if that process does ` +
        'not prepare this checkout.',
    );
  });

  test('the folder is read-only', async () => {
    const path = join(folder, 'not-there', 'lock');
    await expect(take(path, async () => 'mine')).rejects.toThrow(
      /^\S+ cannot be written \(ENOENT\): make the checkout writable for this user, or run `npm start` once [^\n]+$/,
    );
  });

  test('the checkout is read-only and not prepared', async () => {
    const checkout = join(folder, 'read-only');
    mkdirSync(join(checkout, 'workers'), { recursive: true });
    for (const path of ['workers/start.mjs', 'workers/start', 'src/bootstrap'])
      cpSync(path, join(checkout, path), { recursive: true });
    // A file instead of the folder, because no folder is read-only for the root user.
    writeFileSync(join(checkout, '.cache'), '');
    const child = spawn(process.execPath, [join(checkout, 'workers', 'start.mjs')], {
      cwd: checkout,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect({ out, err }).toEqual({
      out: '',
      err: expect.stringMatching(
        /^\S+\.cache cannot be written \(E\w+\): make the checkout writable [^\n]+\n$/,
      ),
    });
  });
});
