import { expect, jest, test } from '@jest/globals';
import { withoutLeaders } from '../../../../src/api/commands/kafka/group-consumer.js';

const response = { topics: [] };

function answering(...errors: readonly (readonly [apiId: string, path: string])[]) {
  const found = errors.map(([apiId, path]) => Object.assign(new Error(apiId), { apiId, path }));
  const error = Object.assign(new AggregateError(found), { response });
  const seen = jest.fn();
  const api = (_connection: unknown, answer: unknown) =>
    (answer as (error: Error | null, response?: unknown) => void)(...given);
  const given: [Error | null, unknown?] = errors.length === 0 ? [null, response] : [error];
  withoutLeaders(api)('connection', seen);
  return { seen, error };
}

test('partitions without a leader are not an error of the topic', () => {
  const { seen } = answering(
    ['LEADER_NOT_AVAILABLE', '/topics/0/partitions/1'],
    ['LEADER_NOT_AVAILABLE', '/topics/0/partitions/2'],
  );
  expect(seen.mock.calls).toEqual([[null, response]]);
  expect(answering().seen.mock.calls).toEqual([[null, response]]);
});

test.each([[['UNKNOWN_TOPIC_OR_PARTITION', '/topics/0']], [['LEADER_NOT_AVAILABLE', '/topics/0']]] as const)(
  'another error is an error of the topic: %s',
  (one) => {
    const { seen, error } = answering(['LEADER_NOT_AVAILABLE', '/topics/0/partitions/1'], one);
    expect(seen.mock.calls).toEqual([[error, undefined]]);
  },
);
