import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { measurements } from './measurements/index.js';

test('the help of the benchmark names each measurement', () => {
  const help = readFileSync('test/bench/run.mjs', 'utf8');
  const missing = measurements.filter(({ name }) => !help.includes(`\n  ${name} `));
  expect(missing.map(({ name }) => name)).toEqual([]);
});
