import type { Db } from 'mongodb';
import { durable } from '../../mongodb/durability.js';
import { subscriptionRows, waitingRows } from './rows.js';

/** Removes the data of a deleted endpoint, except the log of its attempts, which expires. */
export async function forgetEndpoint(db: Db, endpointId: string): Promise<void> {
  await waitingRows(db).deleteMany({ endpointId }, durable);
  await subscriptionRows(db).deleteOne({ _id: endpointId }, durable);
}
