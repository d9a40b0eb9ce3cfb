import { expect, test } from '@jest/globals';
import { visible } from '../../../src/cli/printing/terminal.js';

test('text from outside cannot control the terminal', () => {
  expect(visible('a\u001b[31mb\nc\u202ed')).toBe('a\u{FFFD}[31mb c\u{FFFD}d');
});
