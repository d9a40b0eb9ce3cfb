import { openAll } from '../../../src/sealing/opening.js';
import { journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import { orderBody } from '../api.js';
import type { System } from '../system.js';
import type { Sent } from './topics.js';

/** The record of a create. */
export function createRecord(orderId: string): Sent {
  return { key: orderId, headers: { command: 'CreateOrder' }, value: JSON.stringify(orderBody()) };
}

/** The record of a note. */
export function noteRecord(orderId: string, text: string): Sent {
  return { key: orderId, headers: { command: 'AddNote' }, value: JSON.stringify({ text }) };
}

/** The notes that an order has recorded, in their order. */
export async function notesOf({ db, keyStore }: System, orderId: string): Promise<readonly string[]> {
  const stored = await journal(orderLog, db)
    .find({ orderId, type: 'NoteAdded' })
    .sort({ version: 1 })
    .toArray();
  const { value: opened } = await openAll(keyStore, stored);
  return opened.map(({ data }) => (data as { text: string }).text);
}
