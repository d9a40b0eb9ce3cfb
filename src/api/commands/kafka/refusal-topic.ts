import { ProduceAcks, Producer } from '@platformatic/kafka';
import type { CommittedRecord } from '../../../kafka/committed-records.js';
import { clientOptions, closeClient } from '../../../kafka/connection.js';
import type { KafkaSettings } from '../../../kafka/settings.js';
import { headerNames } from './command-record.js';

const MAX_KEY_BYTES = 1_024;
const MAX_HEADER_BYTES = 4_096;
const MAX_HEADERS_BYTES = 65_536;

/** The topic that gets the problem of each refused command. */
export class RefusalTopic {
  private readonly settings: KafkaSettings;
  private readonly topic: string;
  private producer: Producer;

  constructor(settings: KafkaSettings, topic: string) {
    this.settings = settings;
    this.topic = topic;
    this.producer = this.open();
  }

  /**
   * Writes a problem, with the key and the headers of the record. The record's value is left out,
   * because it may contain personal data.
   */
  async write(record: CommittedRecord, recordId: string, problem: string): Promise<void> {
    const { key } = record;
    const { producer } = this;
    const headers = new Map([
      ...keptHeaders(record).map(([name, value]) => [Buffer.from(name), value] as const),
      [Buffer.from('refused-record'), Buffer.from(recordId)],
    ]);
    const isKeyKept = key !== undefined && key.length <= MAX_KEY_BYTES;
    try {
      await producer.send({
        acks: ProduceAcks.ALL,
        messages: [{ topic: this.topic, value: Buffer.from(problem), headers, ...(isKeyKept && { key }) }],
      });
    } catch (error) {
      // After a time-out, the connection may still deliver a part of an answer, so the client is
      // replaced.
      if (producer === this.producer) {
        this.producer = this.open();
        void closeClient(producer);
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    await closeClient(this.producer);
  }

  private open(): Producer {
    // The producer is not idempotent. Otherwise, concurrent sends would get the same sequence
    // numbers, and one would be lost.
    const producer = new Producer(clientOptions(this.settings));
    // A failed call already rejects its promise. Without a listener, an `error` event would end the
    // process.
    producer.on('error', () => undefined);
    return producer;
  }
}

/**
 * The headers that a refusal keeps of its record, up to a total size. Headers that commands use
 * come first. `refused-record` is left out, because `write` sets it.
 */
export function keptHeaders({
  headers,
}: Pick<CommittedRecord, 'headers'>): readonly (readonly [name: string, value: Buffer])[] {
  let bytes = 0;
  return [...headers]
    .filter(([name]) => name !== 'refused-record')
    .toSorted(([a], [b]) => Number(headerNames.has(b)) - Number(headerNames.has(a)))
    .filter(([name, value]) => {
      const more = Buffer.byteLength(name) + value.length;
      if (more > MAX_HEADER_BYTES || bytes + more > MAX_HEADERS_BYTES) return false;
      bytes += more;
      return true;
    });
}
