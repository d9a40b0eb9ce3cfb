import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { logChanges } from '../../../src/server/logging/log-changes.js';

test('repeated attempts are logged once for each change of their outcome', () => {
  const lines: string[] = [];
  const logger = pino({ base: null }, { write: (text: string) => void lines.push(JSON.parse(text).msg) });
  const changes = logChanges(logger, { fails: (problem) => `It fails: ${problem}`, works: 'It works.' });
  changes.worked();
  for (const problem of ['away', 'away', 'full', 'full']) changes.failed(new Error(problem));
  changes.worked();
  changes.worked();
  changes.failed(new Error('away'));
  expect(lines).toEqual(['It fails: away', 'It fails: full', 'It works.', 'It fails: away']);
});
