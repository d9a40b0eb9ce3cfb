import type { Db } from 'mongodb';
import { journal } from '../log/journal/journal.js';
import { committed } from '../mongodb/durability.js';
import { orderLog } from '../order-log.js';
import { countPersonalValues, noPersonalValues } from './personal-values.js';

/** The ids of the keys under which the personal values in an order's journal are sealed. */
export async function keysInJournal(db: Db, orderId: string): Promise<ReadonlySet<string>> {
  const found = noPersonalValues();
  const events = journal(orderLog, db).find({ orderId }, { ...committed, projection: { _id: 0, data: 1 } });
  for await (const { data } of events) countPersonalValues(found, data);
  return new Set(found.sealed.keys());
}
