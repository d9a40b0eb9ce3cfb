import { expect, test } from '@jest/globals';
import { systemOf } from '../../../src/api/operations/system.js';
import type { Gateway } from '../../../src/api/commands/gateway/gateway.js';
import { readConfig } from '../../../src/server/config.js';
import { addressOf } from '../connections/serving.js';
import { runScript } from '../without-temporal.js';

test.each(['resume o-1', 'resume o-1 --entity endpoint', 'resume --all', 'resume --all --dry-run'])(
  '`%s` is refused if the API serves another system',
  async (line) => {
    let closed = 0;
    const served = systemOf(readConfig({ TEMPORAL_TASK_QUEUE: 'another' }));
    const ORDERS_URL = await addressOf((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(served));
    });
    const { exitCode, err } = await runScript(line, {
      env: { ORDERS_URL, TEMPORAL_ADDRESS: '127.0.0.1:1', MONGODB_URI: 'mongodb://127.0.0.1:1/' },
      openTemporalGateway: async (config) => ({
        gateway: {} as Gateway,
        system: systemOf(config),
        close: async () => void (closed += 1),
      }),
    });
    expect({ exitCode, closed }).toEqual({ exitCode: 2, closed: 1 });
    expect(err).toMatch(/^other_system: .*task queue another/);
  },
);
