import { expect, test } from '@jest/globals';
import { hideSecret, withoutSecrets } from '../src/redaction.js';

test('a secret that contains another one is hidden as a whole', () => {
  hideSecret('correct-horse');
  hideSecret('correct-horse-battery');
  expect(withoutSecrets('not correct-horse-battery, nor correct-horse')).toBe('not ***, nor ***');
});
