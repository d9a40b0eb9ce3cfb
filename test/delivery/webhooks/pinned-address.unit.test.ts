import type * as Https from 'node:https';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { expect, jest, test } from '@jest/globals';

type Answer = (error: null, addresses: readonly { readonly address: string; readonly family: 4 }[]) => void;

/** The addresses that the name resolves to, one after the other. */
const leadsTo = ['8.8.8.8', '127.0.0.1'];
let asked = 0;
jest.unstable_mockModule('node:dns', () => ({
  lookup(_name: string, _options: object, answer: Answer) {
    const address = leadsTo[asked++] ?? '127.0.0.1';
    setImmediate(() => answer(null, [{ address, family: 4 }]));
  },
}));

/** The addresses of attempted connections. None is really opened. */
const attempts: string[] = [];
function stop(socket: Socket): void {
  socket.once('lookup', (error: Error | null, address: string) => {
    if (error !== null) return;
    attempts.push(address);
    socket.destroy(new Error('stopped by the test'));
  });
}
const https = createRequire(import.meta.url)('node:https') as Pick<typeof Https, 'Agent' | 'request'>;
jest.unstable_mockModule('node:https', () => ({
  Agent: https.Agent,
  request: (url: URL, options: Https.RequestOptions) => https.request(url, options).once('socket', stop),
}));
const { createSender } = await import('../../../src/delivery/webhooks/sender.js');

test('a connection goes to the address that was checked, even if the name leads elsewhere by then', async () => {
  const sender = createSender({ allowPrivate: false });
  const first = await sender.post('https://rebinding.example/', '{}', {});
  expect(first).toMatchObject({ error: 'stopped by the test' });
  expect({ asked, attempts }).toEqual({ asked: 1, attempts: ['8.8.8.8'] });
  const second = await sender.post('https://rebinding.example/', '{}', {});
  expect(second).toMatchObject({
    error: 'rebinding.example is 127.0.0.1, which is not a public address',
  });
  expect({ asked, attempts }).toEqual({ asked: 2, attempts: ['8.8.8.8'] });
  sender.close();
});
