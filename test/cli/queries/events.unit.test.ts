import type { RequestListener } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { OrderEvent } from '../../../src/order/events.js';
import { isOver } from '../../../src/order/order.js';
import { states } from '../../order/examples.js';
import { addressOf } from '../connections/serving.js';
import { runWithoutTemporal } from '../without-temporal.js';

function answering(log: readonly OrderEvent[]): RequestListener {
  return (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ data: log }));
  };
}

describe('watch', () => {
  test('shows what came after the order was over for the first time', async () => {
    const { completed, refunded } = states;
    expect(isOver(completed.order)).toBe(true);
    expect(refunded.log.length).toBeGreaterThan(completed.log.length);
    const ORDERS_URL = await addressOf(answering(refunded.log));
    const { exitCode, out } = await runWithoutTemporal('watch o-1 --json', { ORDERS_URL });
    const versions = out.split('\n').map((line) => (JSON.parse(line) as OrderEvent).version);
    expect({ exitCode, versions }).toEqual({
      exitCode: 0,
      versions: refunded.log.map(({ version }) => version),
    });
  });
});

test('without events, `events` says so', async () => {
  const ORDERS_URL = await addressOf(answering([]));
  expect(await runWithoutTemporal('events o-1', { ORDERS_URL })).toMatchObject({ out: 'no events' });
  expect(await runWithoutTemporal('events o-1 --json', { ORDERS_URL })).toMatchObject({ out: '[]' });
});
