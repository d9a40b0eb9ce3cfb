import { expect, test } from '@jest/globals';
import { BSON, Long } from 'mongodb';
import { asLong } from '../../src/mongodb/change-stream.js';

const INT64 = 0x12;

test.each([
  ['that the driver keeps', Long.fromString('7812345678901234567')],
  ['that the driver has converted to a number', 4_503_599_627_370_497],
  ['that fits 32 bits', 7],
])('a cursor id %s is sent as a long', (_name, id) => {
  const bytes = BSON.serialize({ getMore: asLong(id) });
  // After the document's length comes the type of its first element.
  expect(bytes[4]).toBe(INT64);
  expect(BSON.deserialize(bytes, { promoteLongs: false })['getMore'].toString()).toBe(id.toString());
});
