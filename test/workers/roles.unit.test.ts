import { expect, jest, test } from '@jest/globals';
import { getReady } from '../../workers/roles.js';

test.each([
  ['waits for a server', new Promise<void>(() => undefined)],
  ['has given up its work because it stops', Promise.resolve()],
])('a process that %s is not reported as ready when it stops', async (_, work) => {
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  const stopping = new AbortController();
  const ready = getReady([work], stopping.signal);
  stopping.abort();
  await expect(ready).rejects.toThrow('aborted');
  expect(write.mock.calls.flat().join('')).not.toContain('does not answer');
  write.mockRestore();
});
