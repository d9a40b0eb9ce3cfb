import { expect, test } from '@jest/globals';
import { cloudEventType } from '../../src/delivery/cloud-events.js';

test.each([
  ['OrderConfirmed', 1, 'order.confirmed.v1'],
  ['CaptureWrittenOff', 2, 'capture.written_off.v2'],
])('%s of schema version %i is %s', (type, version, name) => {
  expect(cloudEventType(type, version)).toBe(name);
});
