import { expect, test } from '@jest/globals';
import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { MongoNetworkError } from 'mongodb';
import { pino } from 'pino';
import { logFailures } from '../../../src/server/logging/log-failures.js';
import { format } from '../../../src/server/logging/logger.js';

const step = {
  events: [],
  effect: { type: 'capture', key: 'o-1:capture:7', correlationId: 'c-1' },
};

function steps() {
  const lines: Record<string, unknown>[] = [];
  const write = (text: string) => void lines.push(JSON.parse(text));
  const interceptors = logFailures(pino(format, { write }));
  const cancelled = new AbortController();
  let attempt = 0;
  /** Runs another attempt of the step. */
  async function tryWith(error?: Error): Promise<void> {
    attempt += 1;
    const info = { activityId: '5', activityType: 'capture', attempt, workflowExecution: { runId: 'r' } };
    // The part of a context that the interceptor uses.
    const { inbound } = interceptors({ info, cancellationSignal: cancelled.signal } as unknown as Context);
    const perform = async () => {
      if (error !== undefined) throw error;
    };
    const tried = inbound?.execute?.({ args: [step], headers: {} }, perform);
    if (error === undefined) await tried;
    else await expect(tried).rejects.toBe(error);
  }
  return { lines, tryWith, cancelled };
}

test('a failing step is logged once, with its order, its correlation id and the error', async () => {
  const { lines, tryWith } = steps();
  for (const connection of [1, 2, 3])
    await tryWith(new MongoNetworkError(`connection ${connection} to 127.0.0.1:27017 closed`));
  expect(lines).toEqual([
    expect.objectContaining({
      level: 40,
      activity: 'capture',
      attempt: 1,
      orderId: 'o-1',
      correlationId: 'c-1',
      effect: 'o-1:capture:7',
      code: 'MongoNetworkError',
      err: expect.objectContaining({ message: 'connection 1 to 127.0.0.1:27017 closed' }),
    }),
  ]);
});

test('another error is logged once too, and so is the success in the end', async () => {
  const { lines, tryWith } = steps();
  const [away, full] = [new Error('away'), Object.assign(new Error('disk full'), { code: 'ENOSPC' })];
  for (const error of [away, full, away, full, undefined]) await tryWith(error);
  expect(lines.map(({ level, code, attempt }) => ({ level, code, attempt }))).toEqual([
    { level: 40, code: 'Error', attempt: 1 },
    { level: 40, code: 'ENOSPC', attempt: 2 },
    { level: 30, code: undefined, attempt: 5 },
  ]);
});

test('a step that succeeds immediately is not logged, nor is one that a worker’s end interrupts', async () => {
  const { lines, tryWith, cancelled } = steps();
  await tryWith();
  cancelled.abort();
  await tryWith(new Error('broken off'));
  expect(lines).toEqual([]);
});

test('a step that is not retried is logged as an error', async () => {
  const { lines, tryWith } = steps();
  await tryWith(ApplicationFailure.nonRetryable('two events', 'EventFork'));
  expect(lines).toEqual([expect.objectContaining({ level: 50, code: 'EventFork', orderId: 'o-1' })]);
});

test("an error that Temporal's SDK logs is written in plain words", () => {
  const lines: string[] = [];
  pino(format, { write: (text: string) => void lines.push(text) }).warn(
    { error: new Error('why') },
    'failed',
  );
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ error: { type: 'Error', message: 'why' } });
});
