import { expect, test } from '@jest/globals';
import { addressIn, READY } from '../../../../src/cli/sandbox/demo/stack.js';
import { welcome } from '../../../../workers/welcome.js';

test('an address is read from what a process prints; without one, the demo fails', () => {
  const api = 'http://127.0.0.1:8080';
  const temporalUi = 'http://127.0.0.1:8233/namespaces/default/workflows';
  const printed = welcome({ hasServers: true, api, temporalUi }, new Set(['write', 'read', 'feed']), 12_345);
  expect(printed).toMatch(READY);
  expect(addressIn(printed, 'API')).toBe(api);
  expect(addressIn(printed, 'Temporal Web UI')).toBe(temporalUi);
  expect(() => addressIn('Ready in 3 s\n\n', 'API')).toThrow('no address of its API');
});
