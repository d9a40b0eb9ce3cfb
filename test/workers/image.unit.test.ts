import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const run = promisify(execFile);
const image = mkdtempSync(join(tmpdir(), 'orders-image-'));
const dockerfile = readFileSync('Dockerfile', 'utf8');

/**
 * Lays the files of the image's last stage out in a folder, so that no container engine is needed.
 */
beforeAll(() => {
  const copies = [...dockerfile.matchAll(/^COPY --from=build \/app\/(\S+) (\S+)$/gm)];
  expect(copies.length).toBeGreaterThan(2);
  for (const [, from = '', to = ''] of copies) {
    const place = join(image, 'app', to === './' ? from : to);
    mkdirSync(dirname(place), { recursive: true });
    if (from === 'node_modules') symlinkSync(resolve(from), place);
    else cpSync(from, place, { recursive: true });
  }
  const links = [...dockerfile.matchAll(/^RUN ln -s (\S+) (\S+)$/gm)];
  for (const [, target = '', link = ''] of links) {
    mkdirSync(dirname(join(image, link)), { recursive: true });
    symlinkSync(join(image, target), join(image, link));
  }
});
afterAll(() => rmSync(image, { recursive: true }));

test('the client scripts work in the image, from any folder', async () => {
  const { stdout } = await run(join(image, 'usr', 'local', 'bin', 'orders'), ['--help'], { cwd: '/' });
  expect(stdout).toMatch(/^Usage: orders <command> \[options\]/);
});

test('the command of the image has a help, and names an unknown argument', async () => {
  const [, command = '[]'] = /^CMD (.*)$/m.exec(dockerfile) ?? [];
  const [, ...args] = JSON.parse(command) as readonly string[];
  const start = (argument: string) => run(process.execPath, [...args, argument], { cwd: join(image, 'app') });
  expect((await start('--help')).stdout).toContain('RECONCILE_INTERVAL');
  await expect(start('--foo')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^[^\n]*'--foo'[^\n]*\n$/),
  });
});
