import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import type { CommandResult, Gateway } from '../../../src/api/commands/gateway/gateway.js';
import { type System, systemOf } from '../../../src/api/operations/system.js';
import { openGateway } from '../../../src/cli/connections/gateway.js';
import type { Session } from '../../../src/cli/script/script.js';
import { readConfig } from '../../../src/server/config.js';
import { listen } from '../../support/listen.js';
import { silentTerminal } from '../without-temporal.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** An API that answers every request with this body: a text, or a value as JSON. */
async function apiThatAnswers(body: unknown, status = 200): Promise<string> {
  server = createServer((_request, response) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  });
  return `http://127.0.0.1:${await listen(server)}`;
}

const nothing = async (): Promise<CommandResult> => {
  throw new Error('Nothing is to be sent.');
};
const gateway: Gateway = {
  create: nothing,
  execute: nothing,
  signal: nothing,
  previewCreate: nothing,
  preview: nothing,
  fact: nothing,
};

/** Opens both sides with a write side that works on `system`. */
async function open(url: string, system: System) {
  let closed = 0;
  const session: Session = {
    terminal: silentTerminal,
    env: { ORDERS_URL: url },
    openTemporalGateway: async () => ({ gateway, system, close: async () => void (closed += 1) }),
  };
  const outcome = await openGateway(session, {}).catch((error: unknown) => error);
  return { outcome, closed };
}

function named(variables: Record<string, string> = {}, namespaceId?: string, keyStoreId?: string): System {
  return systemOf(readConfig({ ROLES: 'worker', ...variables }), { namespaceId, keyStoreId });
}

test.each<[string, System, System]>([
  ['all names are equal', named(), named()],
  [
    'one Temporal has two addresses',
    named({ TEMPORAL_ADDRESS: 'temporal:7233' }, 'id-1'),
    named({ TEMPORAL_ADDRESS: 'localhost:7233' }, 'id-1'),
  ],
  ['the API cannot ask its Temporal now', named({}, 'id-1'), named()],
  ['the API cannot ask its key store now', named({}, 'id-1', 'keys-1'), named({}, 'id-1')],
])('both sides belong to one system: %s', async (_, here, served) => {
  expect(await open(await apiThatAnswers(served), here)).toMatchObject({ outcome: { gateway }, closed: 0 });
});

test.each<[string, System, System, RegExp]>([
  [
    'Temporal',
    named({ TEMPORAL_ADDRESS: 'a:1' }, 'id-1'),
    named({ TEMPORAL_ADDRESS: 'b:2' }, 'id-2'),
    /Temporal a:1.*Temporal b:2/,
  ],
  ['Temporal of the same address', named({}, 'id-1'), named({}, 'id-2'), /\(id-1\).*\(id-2\)/],
  [
    'Temporal that does not answer',
    named({ TEMPORAL_ADDRESS: 'a:1' }, 'id-1'),
    named({ TEMPORAL_ADDRESS: 'b:2' }),
    /a:1.*b:2/,
  ],
  [
    'namespace',
    named({ TEMPORAL_NAMESPACE: 'one' }, 'id-1'),
    named({ TEMPORAL_NAMESPACE: 'two' }, 'id-1'),
    /namespace one.*namespace two/,
  ],
  [
    'task queue',
    named({ TEMPORAL_TASK_QUEUE: 'one' }),
    named({ TEMPORAL_TASK_QUEUE: 'two' }),
    /queue one.*queue two/,
  ],
  [
    'key store',
    named({}, 'id-1', 'keys-1'),
    named({}, 'id-1', 'keys-2'),
    /orders_keys \(keys-1\).*orders_keys \(keys-2\)/,
  ],
  ['database', named({ MONGODB_DB: 'one' }), named({ MONGODB_DB: 'two' }), /database one.*database two/],
])('another %s is refused on one line that names both and the remedy', async (_, here, served, both) => {
  const url = await apiThatAnswers(served);
  const { outcome, closed } = await open(url, here);
  expect({ outcome, closed }).toMatchObject({
    outcome: { exitCode: 2, details: { code: 'other_system', message: expect.stringMatching(both) } },
    closed: 1,
  });
  const { message } = outcome as Error;
  expect(message).toContain(url);
  expect(message).toMatch(/nothing was sent: set TEMPORAL_ADDRESS.*--url/);
  expect(message).not.toContain('\n');
});

test.each([
  ['knows no such path', { code: 'not_found' }, 404],
  ['answers something else', { hello: 'world' }, 200],
  ['answers with a page', '<html>', 200],
])('a server that %s is not an API', async (_, body, status) => {
  const { outcome, closed } = await open(await apiThatAnswers(body, status), named());
  expect({ outcome, closed }).toMatchObject({
    outcome: { exitCode: 2, details: { code: 'other_system', message: expect.stringContaining('--url') } },
    closed: 1,
  });
});

test('an API that does not answer does not keep a command from its order', async () => {
  expect(await open('http://127.0.0.1:1', named())).toMatchObject({ outcome: { gateway }, closed: 0 });
});
