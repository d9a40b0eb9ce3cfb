import {
  type API,
  type CreateRecordsBatchOptions,
  crc32c,
  createAPI,
  groupByProperty,
  type MessageRecord,
  produceV11,
  Writer,
} from '@platformatic/kafka';
import { varIntLength, WireBytes } from './wire-bytes.js';

type ProduceApi = API<Parameters<typeof produceV11.createRequest>, boolean | produceV11.ProduceResponse>;

/**
 * Kafka's produce request, for records that are encoded already (`EncodedRecord`).
 *
 * @param version 9 or later, which all have the same shape
 */
export function produceEncoded(version: number): ProduceApi {
  return createAPI(PRODUCE, version, createRequest, produceV11.parseResponse);
}

const PRODUCE = 0;

function createRequest(
  acks: number,
  timeout: number,
  records: readonly MessageRecord[],
  options: CreateRecordsBatchOptions,
): Writer {
  return Writer.create()
    .appendString(options.transactionalId)
    .appendInt16(acks)
    .appendInt32(timeout)
    .appendArray(groupByProperty<string, MessageRecord>(records, 'topic'), (writer, [topic, ofTopic]) => {
      const partitions = groupByProperty<number, MessageRecord>(ofTopic, 'partition');
      writer.appendString(topic).appendArray(partitions, (_writer, [partition, ofPartition]) => {
        const sequence = options.sequences.getWithDefault(`${topic}:${partition}`, 0);
        const values = ofPartition.map(({ value }) => value);
        writer.appendInt32(partition).appendBytes(batchOf(values, { ...options, sequence }));
      });
    })
    .appendTaggedFields();
}

interface BatchOptions {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** number of the first record in its partition, counted since the producer began */
  readonly sequence: number;
}

const HEAD_BYTES = 61;
const LENGTH_FROM = 12;
const CHECKED_FROM = 21;
const MAGIC = 2;
const IS_TRANSACTIONAL = 0x10;

/** A batch in format 2, with records of one transaction. All have the current time. */
export function batchOf(
  records: readonly Uint8Array[],
  { producerId, producerEpoch, sequence }: BatchOptions,
): Buffer {
  const size = records.reduce((sum, { length }) => sum + length + MOST_PREFIX_BYTES, HEAD_BYTES);
  const wire = new WireBytes(size);
  wire.bytes(new Uint8Array(HEAD_BYTES));
  for (const [offset, record] of records.entries()) {
    wire.varInt(2 + varIntLength(offset) + record.length);
    // No attributes, and no difference to the batch's time.
    wire.varInt(0);
    wire.varInt(0);
    wire.varInt(offset);
    wire.bytes(record);
  }
  const batch = wire.written;
  const now = BigInt(Date.now());
  batch.writeInt32BE(batch.length - LENGTH_FROM, 8);
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(IS_TRANSACTIONAL, CHECKED_FROM);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(now, 27);
  batch.writeBigInt64BE(now, 35);
  batch.writeBigInt64BE(producerId, 43);
  batch.writeInt16BE(producerEpoch, 51);
  batch.writeInt32BE(sequence, 53);
  batch.writeInt32BE(records.length, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(CHECKED_FROM)), 17);
  return batch;
}

/** Maximum size of a record's length, attributes, time and offset together. */
const MOST_PREFIX_BYTES = 12;
