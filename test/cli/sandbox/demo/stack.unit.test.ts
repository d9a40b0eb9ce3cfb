import { expect, test } from '@jest/globals';
import { addressIn } from '../../../../src/cli/sandbox/demo/stack.js';

test('an address is read from what a process prints; without one, the demo fails', () => {
  expect(addressIn('  API   http://127.0.0.1:8080\n', 'API')).toBe('http://127.0.0.1:8080');
  expect(() => addressIn('Ready in 3 s\n\n', 'API')).toThrow('no address of its API');
});
