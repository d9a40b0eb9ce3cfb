import { randomBytes } from 'node:crypto';
import type { Db } from 'mongodb';
import { committed, durable } from '../../mongodb/durability.js';
import { type MasterKeys, unwrap, wrap } from './master-keys.js';

/**
 * The secrets that sign webhooks, in the key store's database. Event logs contain only their ids.
 */
export interface WebhookSecrets {
  /**
   * Creates a secret in the format of Standard Webhooks: `whsec_` and base64. A second call with
   * the same id returns the same secret.
   *
   * @param secretId the endpoint's id, a dot, and a suffix that is unique among its secrets
   */
  make(secretId: string): Promise<string>;
  /**
   * The secrets, in the order of the ids.
   *
   * @throws Error if one of them does not exist
   */
  read(secretIds: readonly string[]): Promise<readonly string[]>;
  removeAll(endpointId: string): Promise<void>;
}

interface SecretRow {
  readonly _id: string;
  /** see `wrap` */
  readonly wrapped: string;
}

/** The collection, in a key store's database. */
export const webhookSecretRows = (db: Db) => db.collection<SecretRow>('webhook_secrets');

const SECRET_BYTES = 32;

export function createWebhookSecrets(db: Db, masterKeys: () => MasterKeys): WebhookSecrets {
  const rows = webhookSecretRows(db);
  const secretIn = ({ _id, wrapped }: SecretRow) =>
    `whsec_${unwrap(masterKeys(), _id, wrapped).toString('base64')}`;
  return {
    async make(secretId) {
      const wrapped = wrap(masterKeys(), secretId, randomBytes(SECRET_BYTES));
      const row = await rows.findOneAndUpdate(
        { _id: secretId },
        { $setOnInsert: { wrapped } },
        { upsert: true, returnDocument: 'after', ...durable },
      );
      return secretIn(row ?? { _id: secretId, wrapped });
    },
    async read(secretIds) {
      const found = await rows.find({ _id: { $in: [...secretIds] } }, committed).toArray();
      return secretIds.map((secretId) => {
        const row = found.find(({ _id }) => _id === secretId);
        if (row === undefined) throw new Error(`The key store lacks the webhook secret ${secretId}.`);
        return secretIn(row);
      });
    },
    async removeAll(endpointId) {
      // Ids compare byte by byte, and "/" follows ".". So this range has all secrets of the
      // endpoint.
      await rows.deleteMany({ _id: { $gt: `${endpointId}.`, $lt: `${endpointId}/` } }, durable);
    },
  };
}
