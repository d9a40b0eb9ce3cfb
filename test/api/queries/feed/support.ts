import { randomUUID } from 'node:crypto';
import { afterAll, expect } from '@jest/globals';
import type { Db } from 'mongodb';
import { appendToJournal } from '../../../../src/log/journal/append-to-journal.js';
import { ensureJournalIndexes } from '../../../../src/log/journal/journal.js';
import { readJournal } from '../../../../src/log/journal/read-journal.js';
import { updateStateView } from '../../../../src/log/recording/update-state-view.js';
import { orderLog } from '../../../../src/order-log.js';
import { states } from '../../../order/examples.js';
import { startTestApi, type TestApi } from '../../../support/api.js';
import { logOf } from '../../../support/database.js';
import { startSequencing } from '../../../support/sequencing.js';
import { until } from '../../../support/until.js';

/* Tests of the feed over HTTP: an API that listens, with a sequencer. */

export const api = await startTestApi();
await ensureJournalIndexes(orderLog, api.mongo.db);
export const address = await api.app.listen({ host: '127.0.0.1', port: 0 });
const stopSequencing = startSequencing(api.mongo.db);
afterAll(async () => {
  await stopSequencing();
  await api.close();
});

/** Records an order's log in the journal and the view, and waits for its positions in the feed. */
export async function recordOrder(more: object = {}): Promise<{ orderId: string; count: number }> {
  const { db } = api.mongo;
  const orderId = randomUUID();
  const [created, ...others] = logOf(states.refunded, orderId);
  const log = [{ ...created, data: { ...created?.data, ...more } }, ...others] as ReturnType<typeof logOf>;
  await appendToJournal(orderLog, db, log);
  await updateStateView(orderLog, db, orderId);
  await untilPositioned(db, orderId);
  return { orderId, count: log.length };
}

interface Received {
  readonly id: number;
  readonly event: { readonly orderId: string; readonly version: number; readonly position: number };
}

/** Reads a stream, as a browser does, until it has `count` events, and disconnects. */
export async function receive(
  path: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<Received[]> {
  const received: Received[] = [];
  for await (const item of open(path, headers)) {
    received.push(item);
    if (received.length === count) break;
  }
  return received;
}

export function open(path: string, headers: Record<string, string> = {}, opened?: () => void) {
  return openAt(address, path, headers, opened);
}

/** @param opened called once the stream has begun */
export async function* openAt(
  base: string,
  path: string,
  headers: Record<string, string> = {},
  opened?: () => void,
): AsyncGenerator<Received> {
  const leaving = new AbortController();
  const response = await fetch(`${base}${path}`, { headers, signal: leaving.signal });
  opened?.();
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, id, data] = /^id: (\d+)(?:@\d+)?\ndata: (.*)$/.exec(block) ?? [];
        if (id !== undefined && data !== undefined) yield { id: Number(id), event: JSON.parse(data) };
      }
    }
  } finally {
    leaving.abort();
  }
}

export async function untilPositioned(db: Db, orderId: string): Promise<void> {
  await until(async () =>
    expect((await readJournal(orderLog, db, orderId)).at(-1)?.position).toBeGreaterThan(0),
  );
}

/** Waits until the events of an order have positions, and stops the sequencer. */
export async function sequenceUntilPositioned({ mongo: { db } }: TestApi, orderId: string): Promise<void> {
  const stop = startSequencing(db);
  await untilPositioned(db, orderId);
  await stop();
}
