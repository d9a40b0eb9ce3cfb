import { expect, test } from '@jest/globals';
import { traceIdOf } from '../../../src/api/commands/trace.js';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';

test.each([
  ['sampled', `00-${trace}-${span}-01`, trace],
  ['sampled, of a later version of the standard', `01-${trace}-${span}-03-more`, trace],
  ['not sampled', `00-${trace}-${span}-02`, undefined],
  ['without a trace id', `00-${'0'.repeat(32)}-${span}-01`, undefined],
  ['without a span id', `00-${trace}-${'0'.repeat(16)}-01`, undefined],
  ['of the invalid version ff', `ff-${trace}-${span}-01`, undefined],
  ['longer than its version allows', `00-${trace}-${span}-01-more`, undefined],
  ['in capitals', `00-${trace.toUpperCase()}-${span}-01`, undefined],
  ['of something else', 'a trace', undefined],
  ['absent', undefined, undefined],
])('the trace id is read only from a valid, sampled traceparent: %s', (_, traceparent, traceId) => {
  expect(traceIdOf(traceparent)).toBe(traceId);
});
