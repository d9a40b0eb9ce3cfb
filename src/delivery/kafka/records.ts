import type { PositionedEvent } from '../../log/feed/feed.js';
import type { Payload } from '../../selection.js';
import { upcastIfKnown } from '../../order/upcasters.js';
import { cloudEventOf } from '../cloud-events.js';
import { WireBytes } from './wire-bytes.js';

/** A record before it is encoded. */
export interface TextRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

/**
 * A record in the format of Kafka's protocol, encoded once into one buffer. The client would make a
 * buffer for each header's name, value and length, which takes five times as long.
 */
export interface EncodedRecord {
  readonly topic: string;
  /** determines the partition */
  readonly key: Buffer;
  /** the partition, if the key does not determine it */
  readonly partition?: number;
  /** the bytes that follow the offset in a batch: key, value and headers */
  readonly value: Buffer;
}

/** What the record of an event depends on, besides the event. */
export interface RecordForm {
  readonly topic: string;
  readonly generation: number;
  readonly payload: Payload;
}

/**
 * An event as a record: the binary form of CloudEvents for Kafka, in which each attribute is a
 * header, and the value is the data. Personal data is sealed in it, as it is in the log.
 *
 * @param order the order after the event; only for the payload `order`
 */
export function recordOf(form: RecordForm, event: PositionedEvent, order?: object): EncodedRecord {
  return encoded(textRecordOf(form, event, order));
}

export function textRecordOf(
  { topic, generation, payload }: RecordForm,
  event: PositionedEvent,
  order?: object,
): TextRecord {
  const cloudEvent = cloudEventOf(upcastIfKnown(event), generation, payload, order);
  const { data, datacontenttype, ...attributes } = cloudEvent;
  const headers: [string, string][] = [['content-type', datacontenttype]];
  for (const [name, value] of Object.entries(attributes)) headers.push([`ce_${name}`, String(value)]);
  return { topic, key: event.orderId, value: JSON.stringify(data), headers };
}

/** Shared by all records. Encoding is synchronous, so only one record uses it at a time. */
const bytes = new WireBytes(65_536);

export function encoded({ topic, key, value, headers = [] }: TextRecord): EncodedRecord {
  bytes.text(key);
  bytes.text(value);
  bytes.varInt(headers.length);
  for (const [name, content] of headers) {
    bytes.text(name);
    bytes.text(content);
  }
  return { topic, key: Buffer.from(key), value: bytes.take() };
}

/**
 * Divides records into batches that fit a broker's default limit of one megabyte. A record that
 * does not fit is a batch by itself.
 */
export function* batchesThatFit(records: readonly EncodedRecord[]): Generator<EncodedRecord[]> {
  let batch: EncodedRecord[] = [];
  let size = 0;
  for (const record of records) {
    const more = record.value.length + RECORD_BYTES;
    if (batch.length > 0 && size + more > MAX_BATCH_BYTES) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(record);
    size += more;
  }
  if (batch.length > 0) yield batch;
}

const MAX_BATCH_BYTES = 900_000;
/** Maximum number of bytes that a batch adds to a record. */
const RECORD_BYTES = 20;
