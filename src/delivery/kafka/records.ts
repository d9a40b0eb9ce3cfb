import type { MessageToProduce } from '@platformatic/kafka';
import type { PositionedEvent } from '../../log/feed/feed.js';
import { upcastIfKnown } from '../../order/upcasters.js';
import { cloudEventOf } from '../cloud-events.js';

export type TextRecord = MessageToProduce<string, string, string, string>;

/**
 * An event as a record: the binary form of CloudEvents for Kafka, in which each attribute is a
 * header, and the value is the data. Persons are sealed in it, as they are in the log.
 */
export function recordOf(topic: string, event: PositionedEvent, generation: number): TextRecord {
  const { data, datacontenttype, ...attributes } = cloudEventOf(upcastIfKnown(event), generation, 'event');
  const headers = new Map<string, string>([['content-type', datacontenttype]]);
  for (const [name, value] of Object.entries(attributes)) headers.set(`ce_${name}`, String(value));
  return { topic, key: event.orderId, value: JSON.stringify(data), headers };
}

/**
 * Groups records so that none of the groups is too large for a broker, whose default limit is a
 * megabyte; a larger record is a group of its own.
 */
export function* groups(records: readonly TextRecord[]): Generator<TextRecord[]> {
  let group: TextRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = Buffer.byteLength(record.value ?? '') + HEADERS_BYTES;
    if (group.length > 0 && bytes + size > MOST_BYTES) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(record);
    bytes += size;
  }
  if (group.length > 0) yield group;
}

const MOST_BYTES = 900_000;
const HEADERS_BYTES = 500;
