import type { Client } from '@temporalio/client';
import type { Collection, Db } from 'mongodb';
import type { Effect } from '../../order/effects.js';
import { messageOf } from '../../outages/message-of.js';
import { isServerError } from '../../outages/server-error.js';
import { withTimeout } from '../../outages/timeout.js';
import { committed } from '../../mongodb/durability.js';
import { idsOfEntity } from '../../log/event-id.js';
import { readHistoryLog } from '../../log/history/history.js';
import type { AnyLog } from '../../log/entity-log/entity-log.js';
import { notJournaled, readJournal } from '../../log/journal/read-journal.js';
import type { OutsideProof } from '../../log/proof/outside-proof.js';
import { verify, type VerifyDeps, type VerifyOptions, type VerifyReport } from '../../log/proof/verify.js';
import { ofAnyEntity } from '../../entity-logs.js';
import { orderLog } from '../../order-log.js';
import { outcomeIn, hasType, shapeOf } from '../answers.js';
import { carrierRemedy, compareLabels } from '../carriers/proof.js';
import { type LabelEntry, sandboxLabels } from '../carriers/sandbox-carriers.js';
import { compareMovements, wrongStock } from '../inventory/proof.js';
import { movements, isStockEffect, type StockMovement } from '../inventory/stock.js';
import { paymentRemedy, compareLedger } from '../payments/proof.js';
import { type LedgerEntry, sandboxLedger } from '../payments/sandbox-ledger.js';
import type { OrderDiscrepancy, OutsideName } from './compare-entries.js';
import { isOwnRefusal } from './own-refusals.js';
import { answeredWith, isSameOutcome } from './proved-outcome.js';
import type { Providers } from '../provider-modules.js';
import { effectsOf, type SettledEffect } from './settled-effects.js';

/** A system that effects change, and the remedy if it differs from the log. */
interface OutsideSystem {
  readonly where: OutsideName;
  readonly remedy: string;
  /** the name of its port in `Providers` */
  readonly port: keyof Providers;
}

const inventoryRemedy = 'compare with the inventory, and correct by hand what it has of these goods';
const inventorySystem: OutsideSystem = { where: 'stock', remedy: inventoryRemedy, port: 'inventory' };
const paymentSystem: OutsideSystem = { where: 'payments', remedy: paymentRemedy, port: 'payments' };
const carrierSystem: OutsideSystem = { where: 'carriers', remedy: carrierRemedy, port: 'carriers' };

function systemOf(effect: Effect): OutsideSystem {
  if (isStockEffect(effect)) return inventorySystem;
  return effect.type === 'book' ? carrierSystem : paymentSystem;
}

/** The providers to compare with. */
interface AskedProviders {
  readonly providers: Providers;
  /** until when the providers are asked, in ms since 1970 */
  readonly askUntil: number;
}

/**
 * Proves the stock, the payments and the labels of orders. All entries of a built-in provider are
 * compared, also those without an effect. A custom provider is only asked for the key of each
 * effect.
 */
function proofOfEffects(asked: AskedProviders): OutsideProof<OutsideName> {
  const { providers } = asked;
  return {
    compare: (db, orderId) => compareOutside(db, orderId, asked),
    compareUnknown: (db, client) => effectsOfUnknownOrders(db, client, asked),
    async *compareSums(db, onProgress) {
      if (providers.inventory === undefined) yield* wrongStock(db, onProgress);
    },
  };
}

/**
 * Verifies orders, their stock, their payments and their labels (`verify`).
 *
 * @param deps `providers`: those of the workers; by default, the built-in ones. `askUntil`: no
 *   custom provider is asked after this time; effects that are left are reported as `unanswered`
 */
export async function verifyOrders(
  { providers = {}, askUntil = Infinity, ...deps }: Omit<VerifyDeps, 'outside'> & Partial<AskedProviders>,
  options?: VerifyOptions,
): Promise<VerifyReport<OutsideName>> {
  const outside = proofOfEffects({ providers, askUntil });
  return await verify(orderLog, { ...deps, outside }, options);
}

/** Verifies a kind of entity (`verify`). For orders, also their stock, payments and labels. */
export async function verifyEntity(
  log: AnyLog,
  deps: Parameters<typeof verifyOrders>[0],
  options?: VerifyOptions,
): Promise<VerifyReport<OutsideName>> {
  return log === orderLog ? await verifyOrders(deps, options) : await verify(ofAnyEntity(log), deps, options);
}

/**
 * Compares the effects that an order's log proves with the stock's movements and the ledgers of the
 * sandbox, key by key, or with the answers of custom providers. Orders in progress cause no false
 * alarm: movements and entries are read before the log, so the log has their effects as owed or
 * settled. What seems to be missing is looked up once more.
 */
async function compareOutside(
  db: Db,
  orderId: string,
  asked: AskedProviders,
): Promise<readonly OrderDiscrepancy[]> {
  const ofOrder = { _id: idsOfEntity(orderId) };
  const [moved, paid, booked] = await Promise.all([
    movements(db).find(ofOrder, committed).toArray(),
    sandboxLedger(db).find(ofOrder, committed).toArray(),
    sandboxLabels(db).find(ofOrder, committed).toArray(),
  ]);
  const effects = await recordedEffects(db, orderId);
  if (effects === undefined) return [];
  const { settled, owed } = effects;
  const keys = new Set([...settled.map(({ effect }) => effect.key), ...owed]);
  const atBuiltIn = (system: OutsideSystem) =>
    asked.providers[system.port] === undefined
      ? settled.filter(({ effect }) => systemOf(effect) === system)
      : [];
  const found = await Promise.all([
    compareMovements(db, moved, atBuiltIn(inventorySystem), keys),
    compareLedger(db, paid, atBuiltIn(paymentSystem), keys),
    compareLabels(db, booked, atBuiltIn(carrierSystem), keys),
  ]);
  return [
    ...found.flat().map((one) => ({ orderId, kind: 'differs' as const, ...one })),
    ...(await compareWithCustom(orderId, settled, asked)),
  ];
}

/** Compares effects with the answers of custom providers about their keys. */
async function compareWithCustom(
  orderId: string,
  settled: readonly SettledEffect[],
  { providers, askUntil }: AskedProviders,
): Promise<readonly OrderDiscrepancy[]> {
  const found: OrderDiscrepancy[] = [];
  for (const { effect, event } of settled) {
    const { where, remedy, port: portName } = systemOf(effect);
    const custom = providers[portName];
    if (custom === undefined) continue;
    const { key, type } = effect;
    const about = { orderId, version: event.version, key, where, remedy };
    const { name, port, limits } = custom;
    try {
      const withinMs = Math.min(limits.timeoutMs, askUntil - Date.now());
      if (withinMs <= 0) throw new Error('there was no time left to ask');
      const asked: Promise<unknown> = port.lookUp(key, { signal: AbortSignal.timeout(withinMs) });
      const known = await withTimeout(withinMs, asked);
      if (hasType(known, 'none') && isOwnRefusal(event)) continue;
      const outcome = outcomeIn(type, known);
      if (outcome !== undefined && isSameOutcome(answeredWith(outcome), event)) continue;
      const said = outcome === undefined ? shapeOf(known) : JSON.stringify(outcome);
      const detail = `${event.type}: ${name} says ${said} of ${key}`;
      found.push({ ...about, kind: hasType(known, 'unknown') ? 'unanswered' : 'differs', detail });
    } catch (error) {
      found.push({ ...about, kind: 'unanswered', detail: `${name}: lookUp of ${key}: ${messageOf(error)}` });
    }
  }
  return found;
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
 * The discrepancies of orders that have movements or entries, but that neither the journal nor
 * Temporal knows. Each order is compared once.
 */
async function* effectsOfUnknownOrders(
  db: Db,
  client: Client,
  asked: AskedProviders,
): AsyncGenerator<OrderDiscrepancy, void> {
  for (const [collection, ...earlier] of [
    [movements(db)],
    [sandboxLedger(db), movements(db)],
    [sandboxLabels(db), sandboxLedger(db), movements(db)],
  ] as const) {
    for await (const unknown of notJournaled(orderLog, db, ordersIn(collection))) {
      for (const orderId of unknown) {
        if (await isIn(earlier, orderId)) continue;
        if ((await readHistoryLog(orderLog, client, orderId)) === undefined)
          yield* await compareOutside(db, orderId, asked);
      }
    }
  }
}

type AnyEntries = Collection<LedgerEntry> | Collection<StockMovement> | Collection<LabelEntry>;

/**
 * Whether one of these collections has entries of the order. If so, an earlier pass has compared
 * the order.
 */
async function isIn(collections: readonly AnyEntries[], orderId: string): Promise<boolean> {
  for (const collection of collections)
    if ((await collection.findOne({ _id: idsOfEntity(orderId) }, committed)) !== null) return true;
  return false;
}

/** Ids of the orders that have documents in the collection, each once. */
async function* ordersIn(collection: AnyEntries): AsyncGenerator<string, void> {
  let last = '';
  const keys = collection
    .find({ orderId: { $exists: true } }, { ...committed, projection: { orderId: 1 } })
    .sort({ _id: 1 });
  for await (const { orderId = '' } of keys) {
    if (orderId !== last) yield orderId;
    last = orderId;
  }
}
