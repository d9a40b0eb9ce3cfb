import { expect, test } from '@jest/globals';
import { sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import { audit } from '../support/audit.js';
import { apiAt, orderBody } from '../support/orders-over-http.js';
import { createSystem } from '../support/system.js';
import { until } from '../support/until.js';

const ORDERS = 30;
/** Numbers of answered payments at which a worker is killed. */
const KILLS = [3, 15];

test('workers that are killed under load lose no effect and perform none twice', async () => {
  const system = createSystem();
  try {
    const [{ address }, first] = await Promise.all([system.start('write,read'), system.start('worker')]);
    const api = apiAt(address);
    const created = await Promise.all(
      Array.from({ length: ORDERS }, (_, index) =>
        // A busy API may refuse some requests at first.
        until(async () => {
          const made = await api.post('/v1/orders', { body: orderBody({ id: `killed-${index}` }) });
          expect(made.status).toBe(201);
        }, 60),
      ),
    );

    const answered = () => sandboxLedger(system.db).countDocuments({ outcome: { $exists: true } });
    let worker = first;
    for (const enough of KILLS) {
      await until(async () => expect(await answered()).toBeGreaterThanOrEqual(enough), 60);
      await worker.kill();
      worker = await system.start('worker');
    }
    const audited = await audit(system);
    expect(audited.map(({ order }) => order.status)).toEqual(created.map(() => 'confirmed'));
  } finally {
    await system.end();
  }
}, 240_000);
