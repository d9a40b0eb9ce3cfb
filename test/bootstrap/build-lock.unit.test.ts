import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { alone } from '../../src/bootstrap/alone.mjs';

test('a build waits for another build of the same checkout', async () => {
  await alone('build', async () => {
    const child = spawn(process.execPath, ['workers/build.mjs'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    try {
      const [line] = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), ended]);
      expect(line).toMatch(/^Waiting for another process that prepares this checkout \(\S+build\.lock\)/);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
}, 60_000);
