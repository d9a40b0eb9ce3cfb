import { expect, test } from '@jest/globals';
import { journal } from '../../../src/log/journal/journal.js';
import { record } from '../../../src/log/recording/recording.js';
import { viewsStatus } from '../../../src/log/views/status.js';
import { orderLog } from '../../../src/order-log.js';
import { views } from '../../../src/views/views.js';
import { until } from '../../support/until.js';
import { newLogs, openViews, publish } from './support.js';

const { db } = await openViews();

test('the status shows how far views lag, in events and in time', async () => {
  const [log = []] = newLogs('completed');
  await publish(db, log);
  const past = new Date(Date.now() - 60_000).toISOString();
  await journal(orderLog, db).updateOne({ position: 1 }, { $set: { recordedAt: past } });
  const [late = []] = newLogs('completed');
  await record(orderLog, db, late.slice(0, 2));
  await until(async () => {
    const { feed, views: fed } = await viewsStatus(orderLog, db, views);
    expect(feed).toMatchObject({ head: log.length, unsequenced: 2 });
    expect(fed[0]).toMatchObject({ name: 'customers', version: 0, position: 0, eventsBehind: log.length });
    expect(fed[0]?.msBehind).toBeGreaterThanOrEqual(60_000);
  });
});
