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
 * @param version 9, 10 or 11 (the highest that the client knows), which all have the same shape
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

/**
 * Where the members of a batch begin, in bytes, as Kafka's documentation of `RecordBatch` says. Two
 * members are left out: the base offset at 0, which the broker sets, and the leader's epoch at 12.
 */
const AT = {
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordsCount: 57,
  records: 61,
} as const;
/** `length` counts the bytes from here on. */
const LENGTH_FROM = 12;
const MAGIC = 2;
const IS_TRANSACTIONAL = 0x10;

/** A batch in format 2, with records of one transaction. All have the current time. */
export function batchOf(
  records: readonly Uint8Array[],
  { producerId, producerEpoch, sequence }: BatchOptions,
): Buffer {
  const size = records.reduce<number>((sum, { length }) => sum + length + MAX_PREFIX_BYTES, AT.records);
  const wire = new WireBytes(size);
  wire.bytes(new Uint8Array(AT.records));
  for (const [offset, record] of records.entries()) {
    wire.varInt(2 + varIntLength(offset) + record.length);
    // The record has no attributes, and its timestamp delta is 0.
    wire.varInt(0);
    wire.varInt(0);
    wire.varInt(offset);
    wire.bytes(record);
  }
  const batch = wire.written;
  const now = BigInt(Date.now());
  batch.writeInt32BE(batch.length - LENGTH_FROM, AT.length);
  batch.writeInt8(MAGIC, AT.magic);
  batch.writeInt16BE(IS_TRANSACTIONAL, AT.attributes);
  batch.writeInt32BE(records.length - 1, AT.lastOffsetDelta);
  batch.writeBigInt64BE(now, AT.baseTimestamp);
  batch.writeBigInt64BE(now, AT.maxTimestamp);
  batch.writeBigInt64BE(producerId, AT.producerId);
  batch.writeInt16BE(producerEpoch, AT.producerEpoch);
  batch.writeInt32BE(sequence, AT.baseSequence);
  batch.writeInt32BE(records.length, AT.recordsCount);
  batch.writeUInt32BE(crc32c(batch.subarray(AT.attributes)), AT.crc);
  return batch;
}

/** Maximum size of a record's length, attributes, time and offset together. */
const MAX_PREFIX_BYTES = 12;
