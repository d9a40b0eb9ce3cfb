import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { readConfig } from '../../server/config.js';
import { connectMongo } from '../../server/connections.js';
import { stockInventory } from '../inventory/built-in.js';
import { countStock } from '../inventory/stock-counts.js';
import { sandboxPayments } from '../payments/sandbox-payments.js';
import type { Kind } from './messages.js';

/** What is built in, in the MongoDB that the variables name. @throws Error if that does not answer */
export async function builtInProvider(kind: Kind) {
  const { db } = connectMongo(readConfig({ ...process.env, ROLES: 'worker' }));
  await db.command({ ping: 1 });
  if (kind === 'payments') return sandboxPayments(db);
  return {
    ...stockInventory(db),
    async stockUp(sku: string, onHand: number): Promise<void> {
      await countStock(db, { sku, onHand, issuer: 'certification', key: randomUUID() });
    },
  };
}
