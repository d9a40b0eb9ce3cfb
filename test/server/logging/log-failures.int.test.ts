import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { workflowId } from '../../../src/order-log.js';
import { format } from '../../../src/server/logging/logger.js';
import { installRuntime, startMainWorker } from '../../../workers/roles/worker.js';
import { orderBody, startTestApi } from '../../support/api.js';
import { breakableMongodb } from '../../support/breakable-server.js';
import { workflowBundle } from '../../support/servers.js';
import { setUpStock } from '../../support/stock.js';
import { until } from '../../support/until.js';

test('an outage of MongoDB is one line for each waiting order, and one when the order continues', async () => {
  const mongod = await breakableMongodb();
  const api = await startTestApi({ MONGODB_URI: mongod.address });
  await until(() => setUpStock(api.mongo.db));
  const lines: { readonly orderId?: string; readonly level: number }[] = [];
  const logger = pino(format, { write: (text: string) => void lines.push(JSON.parse(text)) });
  installRuntime(logger);
  const worker = startMainWorker({
    config: api.config,
    mongo: api.mongo,
    logger,
    workflowBundle,
  });
  try {
    await worker.ready;
    await mongod.kill();
    const { body } = await api.post('/v1/orders', { body: orderBody() });
    const orderId = String(body.orderId);
    const handle = api.client.workflow.getHandle(workflowId(orderId));
    const about = () => lines.filter((line) => line.orderId === orderId);
    await until(async () => {
      const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
      expect(pending?.attempt).toBeGreaterThan(3);
    });
    expect(about().length).toBeLessThan(4);
    expect(about()[0]).toMatchObject({
      level: 40,
      activity: 'reserve',
      correlationId: expect.any(String),
      code: expect.stringMatching(/^Mongo(ServerSelection|Network|PoolCleared)|^ECONN/),
      err: { message: expect.stringMatching(/./) },
    });
    await mongod.revive();
    await until(async () => expect(about().at(-1)).toMatchObject({ level: 30, activity: 'reserve' }));
  } finally {
    await worker.stop();
    await api.close();
    await mongod.end();
  }
});
