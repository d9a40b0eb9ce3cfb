import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import type { KeysToDestroy, KeyStore } from '../sealing/key-store/key-store.js';
import { batches } from '../concurrency/async-iterables.js';
import { committed } from '../mongodb/durability.js';
import { journal } from '../log/journal/journal.js';
import type { EventData } from '../order/events.js';
import { orderLog } from '../order-log.js';

/**
 * A tombstone is a `PersonForgotten` event. It names keys that were destroyed. If a backup of the
 * key store brings such a key back, the key is destroyed again because of the event.
 */
const type = 'PersonForgotten';

/** The index finds the events of this type without reading all others. */
export async function ensureTombstoneIndex(db: Db): Promise<void> {
  await journal(orderLog, db).createIndexes([
    { key: { type: 1, orderId: 1, version: 1 }, partialFilterExpression: { type } },
  ]);
}

const BATCH_SIZE = 1_000;
const TRY_AGAIN_MS = 1_000;

/** Until `destroyForgottenKeys` has succeeded, no key of the store is used (`holdUntil`). */
export function holdUntilForgottenKeysAreDestroyed(
  { db, keyStore }: { readonly db: Db; readonly keyStore: KeyStore },
  stopping: AbortSignal,
): void {
  keyStore.holdUntil(untilDone(() => destroyForgottenKeys(db, keyStore), stopping));
}

async function untilDone(work: () => Promise<void>, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    try {
      await work();
      return;
    } catch {
      // MongoDB is unavailable, which readiness reports. The timer of `retryUntilDone` would keep
      // the process running; this one does not.
      await setTimeout(TRY_AGAIN_MS, undefined, { signal: stopping, ref: false }).catch(() => undefined);
    }
  }
  // The process is stopping. It must not use a key after this, so the promise never resolves.
  await new Promise(() => undefined);
}

/**
 * Destroys again every key that a `PersonForgotten` in the journal names. A key store that was
 * restored from a backup may have such keys. No sealed value may be opened before this has
 * resolved.
 */
async function destroyForgottenKeys(db: Db, keyStore: KeyStore): Promise<void> {
  for await (const keys of batches(forgottenKeys(db), BATCH_SIZE)) await keyStore.destroy(...keys);
}

async function* forgottenKeys(db: Db): AsyncGenerator<KeysToDestroy, void> {
  const found = journal(orderLog, db)
    .find({ type }, committed)
    .project<{ readonly actor: string; readonly occurredAt: string; readonly data: EventData[typeof type] }>({
      _id: 0,
      actor: 1,
      occurredAt: 1,
      data: 1,
    })
    .sort({ orderId: 1, version: 1 });
  // The orders of one customer name the same keys, and each key is destroyed once.
  const done = new Set<string>();
  for await (const { actor, occurredAt: at, data } of found) {
    const keyIds = data.keys.filter((keyId) => !done.has(keyId));
    for (const keyId of keyIds) done.add(keyId);
    if (keyIds.length === 0) continue;
    yield { customerId: data.customerId, keyIds, why: { reason: data.reason, actor, at } };
  }
}
