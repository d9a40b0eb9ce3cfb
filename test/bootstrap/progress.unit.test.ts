import process from 'node:process';
import { expect, jest, test } from '@jest/globals';
import { stage } from '../../src/bootstrap/progress.mjs';

test('progress goes to the error output, so that the output is only the result', async () => {
  const out = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  const err = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(await stage('Building', async () => 'built')).toBe('built');
  const written = { out: out.mock.calls.length, err: err.mock.calls.map(([text]) => text).join('') };
  jest.restoreAllMocks();
  expect(written).toEqual({ out: 0, err: expect.stringMatching(/✓ Building [\d.]+ s\n$/) });
});
