import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import { type Collection, type Db, MongoServerError } from 'mongodb';
import type { Effect, Outcome } from '../order/effects.js';
import { messageOf } from '../outages/message-of.js';
import { withTimeout } from '../outages/timeout.js';
import { outcomeIn, saysType, shapeOf } from './answers.js';
import {
  type Authorization,
  type Capture,
  type LedgerEntry,
  sandboxLedger,
} from './payments/sandbox-ledger.js';
import type { Providers } from './provider-modules.js';
import { effectsOf, type SettledEffect } from './settled-effects.js';
import { changesOf, movementOf, ofOrder } from './inventory/stock-restore.js';
import { movements, movesGoods, stock, type StockMovement } from './inventory/stock.js';
import { isServerError } from '../outages/server-error.js';
import type { Discrepancy } from '../log/proof/comparison.js';
import { asStored, committed } from '../mongodb/durability.js';
import { readHistoryLog } from '../log/history/history.js';
import { notJournaled, readJournal } from '../log/journal/journal.js';
import type { AnyLog } from '../log/journal/entity-log.js';
import { ofAnyEntity } from '../logs.js';
import { orderLog } from '../order-log.js';
import type { OutsideProof } from '../log/proof/outside-proof.js';
import { verify, type Verified, type VerifyOptions, type VerifyReport } from '../log/proof/verify.js';

/** The providers to compare with. */
interface AskedProviders {
  readonly providers: Providers;
  /** epoch in ms */
  readonly askUntil: number;
}

/**
 * Proves the stock and the payments of orders. What built-in providers have is read as a whole; a
 * provider of one's own is asked for the key of each effect.
 */
function proofOfEffects(asked: AskedProviders): OutsideProof {
  const { providers } = asked;
  return {
    compare: (db, orderId) => compareOutside(db, orderId, asked),
    ofUnknown: (db, client) => effectsOfUnknownOrders(db, client, asked),
    async *sums(db, onProgress) {
      if (providers.inventory === undefined) yield* wrongStock(db, onProgress);
    },
  };
}

/**
 * `verify` for orders, their stock and their payments.
 *
 * @param verified `providers`: as the workers have them; by default, those that are built in.
 *   `askUntil`: how long providers of one's own are asked; the rest is `unanswered`
 */
export async function verifyOrders(
  { providers = {}, askUntil = Infinity, ...verified }: Omit<Verified, 'outside'> & Partial<AskedProviders>,
  options?: VerifyOptions,
): Promise<VerifyReport> {
  const outside = proofOfEffects({ providers, askUntil });
  return await verify(orderLog, { ...verified, outside }, options);
}

/** `verify` for a kind of entity; for orders, their stock and their payments, too. */
export async function verifyEntity(
  log: AnyLog,
  verified: Parameters<typeof verifyOrders>[0],
  options?: VerifyOptions,
): Promise<VerifyReport> {
  return log === orderLog
    ? await verifyOrders(verified, options)
    : await verify(ofAnyEntity(log), verified, options);
}

const putBack = 'restore it with `npx orders rebuild --from history`';
const countAgain = 'find out what wrote it, then count these goods: `npx orders stock set <sku> <onHand>`';
const askProvider = 'compare with the payment provider, and correct by hand what the customer was charged';
const askInventory = 'compare with the inventory, and correct by hand what it has of these goods';

/**
 * Compares the effects that an order's log proves with the stock's movements and the sandbox
 * provider's ledger, key by key. Orders in progress cause no false alarm: movements and entries are
 * read first, and the log read afterwards has their effects as owed or settled; what is missing is
 * looked up once more.
 */
async function compareOutside(
  db: Db,
  orderId: string,
  asked: AskedProviders,
): Promise<readonly Discrepancy[]> {
  const { providers } = asked;
  const [moved, paid] = await Promise.all([
    movements(db).find(ofOrder(orderId), committed).toArray(),
    sandboxLedger(db).find(ofOrder(orderId), committed).toArray(),
  ]);
  const effects = await recordedEffects(db, orderId);
  if (effects === undefined) return [];
  const { settled, owed } = effects;
  const atBuiltIn = settled.filter(({ effect }) => ownProviderOf(effect, providers) === undefined);
  const ofStock = atBuiltIn.filter(({ effect }) => movesGoods(effect));
  const ofMoney = atBuiltIn.filter(({ effect }) => !movesGoods(effect));
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
        detail: `the log has no effect for the movement ${key} (${type})`,
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
      detail: `the log has no effect for the provider's entry ${key} (${type})`,
      remedy: askProvider,
    })),
  ];
  return [
    ...found.map((one) => ({ orderId, kind: 'differs' as const, ...one })),
    ...(await compareWithOwn(orderId, settled, asked)),
  ];
}

function ownProviderOf(effect: Effect, { payments, inventory }: Providers) {
  return movesGoods(effect) ? inventory : payments;
}

/** Compares effects with what providers of one's own say about their keys. */
async function compareWithOwn(
  orderId: string,
  settled: readonly SettledEffect[],
  { providers, askUntil }: AskedProviders,
): Promise<readonly Discrepancy[]> {
  const found: Discrepancy[] = [];
  for (const { effect, event } of settled) {
    const own = ownProviderOf(effect, providers);
    if (own === undefined) continue;
    const { key, type } = effect;
    const outside = movesGoods(effect)
      ? ({ where: 'stock', remedy: askInventory } as const)
      : ({ where: 'payments', remedy: askProvider } as const);
    const about = { orderId, version: event.version, key, ...outside };
    const { name, port, limits } = own;
    try {
      const withinMs = Math.min(limits.timeoutMs, askUntil - Date.now());
      if (withinMs <= 0) throw new Error('there was no time left to ask');
      const asked: Promise<unknown> = port.lookUp(key, { signal: AbortSignal.timeout(withinMs) });
      const known = await withTimeout(withinMs, asked);
      const outcome = outcomeIn(type, known);
      if (outcome !== undefined && isOutcome(asEntry(outcome), event)) continue;
      const said = outcome === undefined ? shapeOf(known) : JSON.stringify(outcome);
      const detail = `${event.type}: ${name} says ${said} of ${key}`;
      found.push({ ...about, kind: saysType(known, 'unknown') ? 'unanswered' : 'differs', detail });
    } catch (error) {
      found.push({ ...about, kind: 'unanswered', detail: `${name}: lookUp of ${key}: ${messageOf(error)}` });
    }
  }
  return found;
}

/** An answer, as an entry of the sandbox's ledger has it. */
function asEntry(outcome: Outcome): Answered {
  return {
    outcome,
    // The webhook may have said later that the customer declined.
    ...('authorizationId' in outcome && {
      authorization: {
        id: outcome.authorizationId,
        status: outcome.type === 'pending' ? 'declined' : 'authorized',
      },
    }),
    ...('captureId' in outcome && { capture: { id: outcome.captureId } }),
  };
}

/**
 * @returns undefined if the journal is not a complete log, which the comparison with the history
 *   reports
 */
async function recordedEffects(db: Db, orderId: string) {
  try {
    const events = await readJournal(orderLog, db, orderId);
    return events.every(({ version }, index) => version === index + 1) ? effectsOf({ events }) : undefined;
  } catch (error) {
    if (isServerError(error)) throw error;
    return undefined;
  }
}

/**
 * Movements or entries by key. Keys of settled effects that were not seen, or had no answer, are
 * looked up again.
 */
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

/** What is wrong with the provider's entry for a settled effect; undefined if nothing. */
function wrongEntry(entry: LedgerEntry | undefined, { effect, event }: SettledEffect): string | undefined {
  if (entry === undefined) return 'the provider has no entry';
  const { type, amount, outcome } = entry;
  if (type !== effect.type) return `the provider has a ${type} as`;
  if ('amount' in effect && amount !== effect.amount)
    return `the provider has ${amount}, not ${effect.amount}, for`;
  if (outcome === undefined) return 'the provider has not answered';
  return isOutcome(entry, event) ? undefined : `the provider answered ${JSON.stringify(outcome)} to`;
}

interface Answered {
  readonly outcome?: Outcome;
  readonly authorization?: Pick<Authorization, 'id' | 'status'>;
  readonly capture?: Pick<Capture, 'id'>;
}

function isOutcome({ outcome, authorization, capture }: Answered, event: SettledEffect['event']): boolean {
  switch (event.type) {
    case 'StockReserved':
      return outcome?.type === 'reserved';
    case 'StockRefused':
      return outcome?.type === 'out_of_stock';
    case 'StockReleased':
    case 'StockDeducted':
    case 'StockRestocked':
      return outcome?.type === 'done';
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
      // The customer may have declined an authorization that was pending.
      return outcome?.type === 'declined' || authorization?.status === 'declined';
  }
}

/** Movements and entries of orders that neither the journal nor Temporal knows; each order once. */
async function* effectsOfUnknownOrders(
  db: Db,
  client: Client,
  asked: AskedProviders,
): AsyncGenerator<Discrepancy, void> {
  for (const [collection, other] of [
    [movements(db), undefined],
    [sandboxLedger(db), movements(db)],
  ] as const) {
    for await (const unknown of notJournaled(orderLog, db, ordersIn(collection))) {
      for (const orderId of unknown) {
        // The first pass has reported this order.
        if (other !== undefined && (await other.findOne(ofOrder(orderId), committed)) !== null) continue;
        if ((await readHistoryLog(orderLog, client, orderId)) === undefined)
          yield* await compareOutside(db, orderId, asked);
      }
    }
  }
}

/** Ids of the orders that have documents in the collection, each once. */
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

const SNAPSHOT_TOO_OLD = 239;

/**
 * SKUs whose reserved units are not the sum of their movements. Since each order's movements are
 * checked against its log (`compareOutside`), this proves that the stock is what the orders hold.
 * Both are read from one snapshot, and what is found is checked twice, so orders in progress cause
 * no false alarm. Memory grows with the number of SKUs only.
 */
async function* wrongStock(db: Db, onProgress: (done: number) => void): AsyncGenerator<Discrepancy, void> {
  const found = await compareStock(db, onProgress);
  if (found.length === 0) return;
  const again = await compareStock(db, onProgress);
  const before = new Set(found.map(({ key }) => key));
  yield* again.filter(({ key }) => before.has(key));
}

async function compareStock(db: Db, onProgress: (done: number) => void): Promise<readonly Discrepancy[]> {
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
    if (!(error instanceof MongoServerError && error.code === SNAPSHOT_TOO_OLD)) throw error;
    const detail = 'there are too many movements to read them from one snapshot';
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
