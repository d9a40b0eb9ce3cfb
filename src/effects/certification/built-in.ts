import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { readConfig } from '../../server/config.js';
import { connectMongo } from '../../server/connections.js';
import { sandboxCarriers } from '../carriers/sandbox-carriers.js';
import { stockInventory } from '../inventory/inventory.js';
import { getStock } from '../inventory/stock.js';
import { countStock } from '../inventory/stock-counts.js';
import { sandboxPayments } from '../payments/sandbox-payments.js';
import type { Kind } from './messages.js';

/**
 * The built-in provider, with the MongoDB that the environment variables name.
 *
 * @throws Error if MongoDB does not answer
 */
export async function builtInProvider(kind: Kind) {
  const { db } = connectMongo(readConfig({ ...process.env, ROLES: 'worker' }));
  await db.command({ ping: 1 });
  if (kind === 'payments') return sandboxPayments(db);
  if (kind === 'carriers') return sandboxCarriers(db);
  return {
    ...stockInventory(db),
    stock: async (sku: string) => (await getStock(db, sku)).stock,
    async stockUp(sku: string, onHand: number): Promise<void> {
      await countStock(db, { sku, onHand, issuer: 'certification', key: randomUUID() });
    },
  };
}
