import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { Producer } from '@platformatic/kafka';
import { closeClient, withClient } from '../../src/kafka/connection.js';

/** A client whose broker hangs, so that closing the client would wait forever. */
function hangingClient() {
  const socket = new Socket();
  const connections = new Map([['broker:1', { socket }]]);
  const client = Object.assign(new EventEmitter(), { connections, close: () => new Promise(() => {}) });
  return { client: client as unknown as Producer, socket };
}

test('a client closes in time, even if its broker hangs', async () => {
  const { client, socket } = hangingClient();
  await closeClient(client);
  expect(socket.destroyed).toBe(true);
});

test('an operation that waits for a broker ends with the process', async () => {
  const stopping = new AbortController();
  const unreachable = new Producer({
    clientId: 'test',
    bootstrapBrokers: ['127.0.0.1:1'],
    retryDelay: 60_000,
  });
  const waiting = withClient(unreachable, stopping.signal, (producer) => producer.metadata({ topics: [] }));
  setImmediate(() => stopping.abort());
  await expect(waiting).rejects.toThrow();
});
