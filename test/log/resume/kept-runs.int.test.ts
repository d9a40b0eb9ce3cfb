import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readKeptRuns } from '../../../src/log/resume/kept-runs.js';
import type { RunInput } from '../../../src/log/workflow/inputs.js';
import type { Message, Signal } from '../../../src/log/workflow/messages.js';
import { orderLog, orderWorkflow, workflowId } from '../../../src/order-log.js';
import { startTestApi, type TestApi } from '../../support/api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

function message(commandId: string): Message {
  return { data: {}, commandId, hash: 'h', correlationId: 'c', actor: 'tester', requestId: 'r' };
}

function signal(commandId: string): Signal {
  return { name: 'AddNote', message: message(commandId) };
}

type WithoutId<T> = T extends unknown ? Omit<T, 'orderId'> : never;

const starts: Readonly<Record<string, WithoutId<RunInput<object>>>> = {
  'an order that was restarted': { create: message('create'), messages: [signal('before')] },
  'an order that was continued as new': {
    order: {},
    unrecorded: [],
    remembered: [],
    crowded: [signal('before')],
  },
  'an order that was resumed': {
    resume: { ...message('resume'), reason: 'a test', messages: [signal('before')] },
  },
  'an order that continued as new while it was resumed': {
    resume: { ...message('resume'), reason: 'a test', messages: [], arrived: [signal('before')] },
  },
};

test.each(Object.entries(starts))(
  'the kept runs of %s received the messages of its start, too',
  async (_, start) => {
    const orderId = randomUUID();
    const handle = await api.client.workflow.start(orderWorkflow, {
      workflowId: workflowId(orderId),
      taskQueue: api.config.temporal.taskQueue,
      args: [{ orderId, ...start }],
    });
    const { name, message: sent } = signal('after');
    await handle.signal<[Message]>(name, sent);
    const kept = await readKeptRuns(orderLog, api.client, orderId);
    expect(kept?.messages.map(({ message: { commandId } }) => commandId)).toEqual(['before', 'after']);
    await handle.terminate();
  },
);
