import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import { type Collection, type Db, MongoServerError } from 'mongodb';
import { type LedgerEntry, sandboxLedger } from '../../effects/payments/sandbox-ledger.js';
import { effectsOf, type SettledEffect } from '../../effects/settled-effects.js';
import { changesOf, movementOf, ofOrder } from '../../effects/inventory/stock-restore.js';
import { movements, movesGoods, stock, type StockMovement } from '../../effects/inventory/stock.js';
import { upcast } from '../../order/upcasters.js';
import { isServerError } from '../../outages/server-error.js';
import type { Discrepancy } from './comparison.js';
import { asStored, committed } from '../journal/durability.js';
import { readHistoryLog } from '../journal/history.js';
import { notJournaled, readStored } from '../journal/journal.js';

const putBack = 'put it back with `npx orders rebuild --from history`';
const countAgain = 'find out who wrote it, then count these goods: `npx orders stock set <sku> <onHand>`';
const askProvider = 'compare with the payment provider, and correct what the customer was charged by hand';

/**
 * Compares what an order's log says was done outside with the movements of the stock and the sandbox provider's ledger, key by
 * key. An order under way is no fault: what was done is read first, and is owed, or settled, in the log that is read after it; what
 * the log says was done is looked for once more.
 */
export async function compareOutside(db: Db, orderId: string): Promise<readonly Discrepancy[]> {
  const [moved, paid] = await Promise.all([
    movements(db).find(ofOrder(orderId), committed).toArray(),
    sandboxLedger(db).find(ofOrder(orderId), committed).toArray(),
  ]);
  const effects = await recordedEffects(db, orderId);
  if (effects === undefined) return [];
  const { settled, owed } = effects;
  const ofStock = settled.filter(({ effect }) => movesGoods(effect));
  const ofMoney = settled.filter(({ effect }) => !movesGoods(effect));
  const [movementAt, entryAt] = await Promise.all([
    withLater(moved, ofStock, (keys) =>
      movements(db)
        .find({ _id: { $in: keys } }, committed)
        .toArray(),
    ),
    withLater(paid, ofMoney, (keys) =>
      sandboxLedger(db)
        .find({ _id: { $in: keys } }, committed)
        .toArray(),
    ),
  ]);
  const keys = new Set([...settled.map(({ effect }) => effect.key), ...owed]);
  const isExtra = ({ _id }: { readonly _id: string }) => !keys.has(_id);
  const found: readonly Omit<Discrepancy, 'orderId' | 'kind'>[] = [
    ...ofStock.flatMap((one) => {
      const { effect, event } = one;
      const is = movementAt.get(effect.key);
      const wanted = movementOf(effect, event);
      if (wanted === undefined || (is !== undefined && isSameMovement(is, wanted))) return [];
      const detail = is
        ? `the movement ${effect.key} is not what ${event.type} says`
        : `no movement ${effect.key}`;
      const remedy = is ? countAgain : putBack;
      return [{ where: 'stock' as const, version: event.version, key: effect.key, detail, remedy }];
    }),
    ...moved
      .filter((one) => isExtra(one) && one.type !== 'carried')
      .map(({ _id: key, type }) => ({
        where: 'stock' as const,
        key,
        detail: `the log knows nothing of the movement ${key} (${type})`,
        remedy: countAgain,
      })),
    ...ofMoney.flatMap((one) => {
      const { effect, event } = one;
      const wrong = wrongEntry(entryAt.get(effect.key), one);
      if (wrong === undefined) return [];
      const detail = `${event.type}: ${wrong} ${effect.key}`;
      return [
        { where: 'payments' as const, version: event.version, key: effect.key, detail, remedy: askProvider },
      ];
    }),
    ...paid.filter(isExtra).map(({ _id: key, type }) => ({
      where: 'payments' as const,
      key,
      detail: `the log knows nothing of the provider's entry ${key} (${type})`,
      remedy: askProvider,
    })),
  ];
  return found.map((one) => ({ orderId, kind: 'differs', ...one }));
}

/** Undefined where the journal is no whole log: that is found by comparing it with the history. */
async function recordedEffects(db: Db, orderId: string) {
  try {
    const events = (await readStored(db, orderId)).map((event) => upcast(event));
    return events.every(({ version }, index) => version === index + 1) ? effectsOf({ events }) : undefined;
  } catch (error) {
    if (isServerError(error)) throw error;
    return undefined;
  }
}

/** What was done by key, those that had not been done at the first look looked for again. */
async function withLater<T extends { readonly _id: string }>(
  seen: readonly T[],
  settled: readonly SettledEffect[],
  look: (keys: string[]) => Promise<readonly T[]>,
): Promise<ReadonlyMap<string, T>> {
  const done = byKey(seen);
  const isDone = (one: T | undefined) => one !== undefined && !('calls' in one && !('outcome' in one));
  const missing = settled.map(({ effect }) => effect.key).filter((key) => !isDone(done.get(key)));
  return missing.length === 0 ? done : new Map([...done, ...byKey(await look(missing))]);
}

function byKey<T extends { readonly _id: string }>(found: readonly T[]): ReadonlyMap<string, T> {
  return new Map(
    found.map((one) => {
      const { _id: key } = one;
      return [key, one];
    }),
  );
}

type Movement = Pick<NonNullable<ReturnType<typeof movementOf>>, 'type' | 'lines' | 'outcome'>;

function isSameMovement(one: Movement, other: Movement): boolean {
  const content = ({ type, lines, outcome }: Movement) => asStored({ type, lines, outcome });
  return isDeepStrictEqual(content(one), content(other));
}

/** What is wrong with the provider's entry for an effect that was settled; undefined where nothing is. */
function wrongEntry(entry: LedgerEntry | undefined, { effect, event }: SettledEffect): string | undefined {
  if (entry === undefined) return 'the provider has no entry';
  const { type, amount, outcome } = entry;
  if (type !== effect.type) return `the provider has a ${type} as`;
  if ('amount' in effect && amount !== effect.amount)
    return `the provider has ${amount}, not ${effect.amount}, for`;
  if (outcome === undefined) return 'the provider has not answered';
  return isOutcome(entry, event) ? undefined : `the provider answered ${JSON.stringify(outcome)} to`;
}

function isOutcome({ outcome, authorization, capture }: LedgerEntry, event: SettledEffect['event']): boolean {
  switch (event.type) {
    case 'PaymentAuthorized':
    case 'PaymentPending':
      return authorization?.id === event.data.authorizationId;
    case 'PaymentCaptured':
      return capture?.id === event.data.captureId;
    case 'AuthorizationVoided':
      return outcome?.type === 'voided';
    case 'AuthorizationExpired':
      return outcome?.type === 'expired';
    case 'CaptureDeclined':
      return outcome?.type === 'declined' || outcome?.type === 'expired';
    case 'PaymentRefunded':
      return outcome?.type === 'refunded';
    default:
      // The customer may have declined what the provider had called pending.
      return outcome?.type === 'declined' || authorization?.status === 'declined';
  }
}

/** What was done for orders that the journal does not know, and Temporal neither: each order once. */
export async function* doneForNone(db: Db, client: Client): AsyncGenerator<Discrepancy, void> {
  for (const [collection, other] of [
    [movements(db), undefined],
    [sandboxLedger(db), movements(db)],
  ] as const) {
    for await (const unknown of notJournaled(db, ordersIn(collection))) {
      for (const orderId of unknown) {
        // Found already.
        if (other !== undefined && (await other.findOne(ofOrder(orderId), committed)) !== null) continue;
        if ((await readHistoryLog(client, orderId)) === undefined) yield* await compareOutside(db, orderId);
      }
    }
  }
}

/** Ids of the orders whose keys are in the collection, each once. */
async function* ordersIn(
  collection: Collection<LedgerEntry> | Collection<StockMovement>,
): AsyncGenerator<string, void> {
  let last = '';
  const keys = collection
    .find({ orderId: { $exists: true } }, { ...committed, projection: { orderId: 1 } })
    .sort({ _id: 1 });
  for await (const { orderId = '' } of keys) {
    if (orderId !== last) yield orderId;
    last = orderId;
  }
}

const snapshotTooOld = 239;

/**
 * SKUs of which another number is reserved than the movements come to. As each order's movements are those of its log (see
 * `compareOutside`), this is what the orders hold by their logs. Both are read as of one moment, and what is found is looked at
 * once more, so orders under way are no fault. Its memory grows with the number of SKUs, and with nothing else.
 */
export async function* wrongStock(
  db: Db,
  onProgress: (done: number) => void,
): AsyncGenerator<Discrepancy, void> {
  const found = await lookAtStock(db, onProgress);
  if (found.length === 0) return;
  const again = await lookAtStock(db, onProgress);
  const before = new Set(found.map(({ key }) => key));
  yield* again.filter(({ key }) => before.has(key));
}

async function lookAtStock(db: Db, onProgress: (done: number) => void): Promise<readonly Discrepancy[]> {
  const found: Discrepancy[] = [];
  const session = db.client.startSession({ snapshot: true });
  try {
    const reserved = new Map<string, number>();
    let read = 0;
    for await (const movement of movements(db).find({}, { session })) {
      for (const change of changesOf(movement)) {
        reserved.set(change.sku, (reserved.get(change.sku) ?? 0) + change.reserved);
      }
      read += 1;
      if (read % 1_000 === 0) onProgress(read);
    }
    for await (const { sku, reserved: is } of stock(db).find({}, { session }).sort({ _id: 1 })) {
      const wanted = reserved.get(sku) ?? 0;
      reserved.delete(sku);
      if (is !== wanted) found.push(wrongReservation(sku, is, wanted));
    }
    for (const [sku, wanted] of reserved) if (wanted !== 0) found.push(wrongReservation(sku, 0, wanted));
    return found;
  } catch (error) {
    if (!(error instanceof MongoServerError && error.code === snapshotTooOld)) throw error;
    const detail = 'the movements cannot be read as of one moment: they are too many for its snapshot window';
    const remedy = 'raise MongoDB’s minSnapshotHistoryWindowInSeconds, and verify again';
    return [{ where: 'stock', kind: 'unanswered', detail, remedy }];
  } finally {
    await session.endSession();
  }
}

function wrongReservation(sku: string, is: number, wanted: number): Discrepancy {
  return {
    where: 'stock',
    kind: 'differs',
    key: sku,
    detail: `${is} of ${sku} are reserved, and orders hold ${wanted}`,
    remedy: `set \`reserved\` of ${sku} to ${wanted} in the collection \`stock\`, then count it: \`npx orders stock set\``,
  };
}
