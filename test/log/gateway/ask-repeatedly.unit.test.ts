import { describe, expect, test } from '@jest/globals';
import { MongoNetworkError } from 'mongodb';
import { earlierOutcome } from '../../../src/log/gateway/ask-repeatedly.js';
import { LogIncomplete } from '../../../src/log/journal/journal.js';
import { DeadlineExceeded } from '../../../src/outages/timeout.js';

const message = {
  data: {},
  commandId: 'shop K',
  hash: 'h',
  correlationId: 'c',
  actor: 'shop',
  requestId: 'r',
};

const refused = (detail: string) => ({
  kind: 'refused',
  refusal: { kind: 'busy', code: 'journal_unavailable', message: expect.stringContaining(detail) },
});

describe('a command of which only the journal knows whether it is new', () => {
  test.each([new MongoNetworkError('away'), new DeadlineExceeded('no answer')])(
    'is refused for now if MongoDB does not answer: %s',
    async (failure) => {
      const outcome = await earlierOutcome(message, Promise.reject(failure));
      expect(outcome).toEqual(refused('MongoDB does not answer'));
    },
  );

  test('is refused for now if the journal lacks events', async () => {
    const outcome = await earlierOutcome(message, Promise.reject(new LogIncomplete('it lacks version 2')));
    expect(outcome).toEqual(refused('lacks earlier events'));
  });

  test('fails with any other error', async () => {
    const defect = new TypeError('a defect');
    await expect(earlierOutcome(message, Promise.reject(defect))).rejects.toBe(defect);
  });
});
