import { expect, test } from '@jest/globals';
import { Consumer, kGetApi, type RecordsBatch } from '@platformatic/kafka';
import { fetchCommitted } from '../../src/kafka/committed-records.js';

const [P, Q] = [7n, 8n];
const [ABORT, COMMIT] = [0, 1];

/** A batch of a broker's answer, with only the fields that the code reads. */
const batch = (offset: number, producerId: bigint, attributes: number, key: Buffer, value: string) =>
  ({
    firstOffset: BigInt(offset),
    lastOffsetDelta: 0,
    producerId,
    attributes,
    records: [{ offsetDelta: 0, key, value: Buffer.from(value), headers: [] }],
  }) as unknown as RecordsBatch;
const data = (offset: number, producerId: bigint, value: string) =>
  batch(offset, producerId, 0x10, Buffer.from('key'), value);
const marker = (offset: number, producerId: bigint, type: number) =>
  batch(offset, producerId, 0x30, Buffer.from([0, 0, 0, type]), '');

async function committedOf(
  records: readonly RecordsBatch[],
  abortedTransactions: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[],
) {
  const consumer = new Consumer({ clientId: 'test', bootstrapBrokers: ['none:1'], groupId: 'test' });
  const answer = { partitionIndex: 0, records, abortedTransactions };
  Object.assign(consumer, {
    metadata: () =>
      Promise.resolve({
        brokers: new Map([[1, { host: 'none', port: 1 }]]),
        topics: new Map([['topic', { id: 'id', partitions: [{ leader: 1 }] }]]),
      }),
    [kGetApi]: (_name: string, done: (error: null, api: unknown) => void) =>
      done(null, { async: () => Promise.resolve({ responses: [{ partitions: [answer] }] }) }),
  });
  Object.assign(consumer.connections, { get: () => Promise.resolve({}) });
  const fetched = await fetchCommitted(consumer, 'topic', new Map([[0, 0n]]), 1);
  return { values: fetched.records.map(({ value }) => String(value)), next: fetched.next.get(0) };
}

test('records committed after an aborted transaction are read, even if a later transaction was empty', async () => {
  const batches = [
    data(0, P, 'one'),
    marker(1, P, COMMIT),
    data(2, P, 'aborted'),
    marker(3, P, ABORT),
    data(4, P, 'two'),
    marker(5, P, COMMIT),
    data(6, P, 'three'),
    marker(7, P, COMMIT),
    // The broker's list of aborted transactions leaves out those without records.
    marker(8, P, ABORT),
  ];
  const { values, next } = await committedOf(batches, [{ producerId: P, firstOffset: 2n }]);
  expect(values).toEqual(['one', 'two', 'three']);
  expect(next).toBe(9n);
});

test('a transaction may abort without records while another one aborts with records', async () => {
  const batches = [data(0, P, 'aborted'), marker(1, P, ABORT), marker(2, Q, ABORT), data(3, Q, 'one')];
  const { values } = await committedOf(batches, [{ producerId: P, firstOffset: 0n }]);
  expect(values).toEqual(['one']);
});

test('two aborted transactions of one producer are both left out', async () => {
  const batches = [
    data(0, P, 'aborted'),
    marker(1, P, ABORT),
    data(2, P, 'aborted'),
    marker(3, P, ABORT),
    data(4, P, 'one'),
  ];
  const aborted = [0n, 2n].map((firstOffset) => ({ producerId: P, firstOffset }));
  expect((await committedOf(batches, aborted)).values).toEqual(['one']);
});
