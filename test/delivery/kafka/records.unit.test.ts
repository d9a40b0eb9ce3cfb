import { expect, test } from '@jest/globals';
import { crc32c, Reader, readRecordsBatch } from '@platformatic/kafka';
import { batchOf } from '../../../src/delivery/kafka/produce.js';
import { batchesThatFit, encoded, type TextRecord } from '../../../src/delivery/kafka/records.js';

/** The records as the client's own reader decodes them. */
function readBack(records: readonly TextRecord[]) {
  const values = records.map((record) => encoded(record).value);
  const bytes = batchOf(values, { producerId: 2n ** 40n, producerEpoch: 7, sequence: 11 });
  expect(bytes.readUInt32BE(17)).toBe(crc32c(bytes.subarray(21)));
  const reader = Reader.from(bytes);
  const batch = readRecordsBatch(reader);
  expect(reader.remaining).toBe(0);
  return batch;
}

test('the client reads each batch as it was written, whatever the lengths', () => {
  const lengths = [0, 1, 63, 64, 8_191, 8_192, 70_000, 1_048_576];
  const records = [
    ...lengths.map((length) => ({ topic: 't', key: `k${length}`, value: 'x'.repeat(length) })),
    ...Array.from({ length: 300 }, (_, index) => ({ topic: 't', key: 'many', value: `${index}` })),
    { topic: 't', key: 'é', value: '{"name":"Zoë 🎉 \ud800"}', headers: [['ce_id', 'ü:1'] as const] },
  ];
  const batch = readBack(records);
  expect(batch).toMatchObject({
    magic: 2,
    attributes: 0x10,
    lastOffsetDelta: records.length - 1,
    producerId: 2n ** 40n,
    producerEpoch: 7,
    firstSequence: 11,
  });
  expect(batch.maxTimestamp).toBe(batch.firstTimestamp);
  const read = batch.records.map(({ key, value, headers, offsetDelta, timestampDelta }) => ({
    offsetDelta,
    timestampDelta,
    key: String(key),
    value: String(value),
    headers: headers.map((one) => one.map(String)),
  }));
  expect(read).toEqual(
    records.map(({ key, value, headers = [] }: TextRecord, offsetDelta) => ({
      offsetDelta,
      timestampDelta: 0n,
      key,
      value: Buffer.from(value).toString(),
      headers,
    })),
  );
});

test('no batch is larger than a broker takes, and a record that is larger goes alone', () => {
  const sizes = [400_000, 400_000, 400_000, 2_000_000, 10, 10];
  const records = sizes.map((size) => encoded({ topic: 't', key: 'k', value: 'x'.repeat(size) }));
  const lengths = [...batchesThatFit(records)].map((batch) => batch.length);
  expect(lengths).toEqual([2, 1, 1, 2]);
});
