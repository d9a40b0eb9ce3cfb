import { afterAll, expect, test } from '@jest/globals';
import { addKey } from '../../src/access/api-keys.js';
import { createSystem } from '../support/system.js';
import { until } from '../support/until.js';

const system = createSystem();
afterAll(() => system.end());

async function get(url: string, key?: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(url, { headers: key === undefined ? {} : { authorization: `Bearer ${key}` } });
  return { status: response.status, text: await response.text() };
}

test('with OPS_PORT, a worker without an API shows its metrics and its readiness, behind the same scopes', async () => {
  const { operations } = await system.start('worker', { OPS_PORT: '0', AUTH: 'on' });
  const { key } = await addKey(system.db, { client: 'prometheus', scopes: ['ops'] });
  const { key: shop } = await addKey(system.db, { client: 'shop', scopes: ['orders:read'] });
  const { status, text } = await get(`${operations}/metrics`, key);
  expect(status).toBe(200);
  expect(text).toContain('\norders_unrecorded{stage="decided"} 0\n');
  expect(text).toContain('# TYPE orders_attempts_failed_total counter\n');
  expect(await get(`${operations}/metrics`)).toMatchObject({ status: 401 });
  expect(await get(`${operations}/metrics`, shop)).toMatchObject({ status: 403 });
  expect(await get(`${operations}/v1/orders`, key)).toMatchObject({ status: 404 });
  await until(async () => {
    const ready = await get(`${operations}/health/ready`);
    expect(ready.status).toBe(200);
    expect(JSON.parse(ready.text).dependencies).toContainEqual({ name: 'recording', status: 'up' });
  });
});
