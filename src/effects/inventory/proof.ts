import { isDeepStrictEqual } from 'node:util';
import { type Db, MongoServerError } from 'mongodb';
import { asStored } from '../../mongodb/as-stored.js';
import { committed } from '../../mongodb/durability.js';
import { compareEntries, type Entries, type OrderDiscrepancy } from '../proof/compare-entries.js';
import type { SettledEffect } from '../proof/settled-effects.js';
import { changesOf, movementOf } from './stock-movements.js';
import { movements, stock, type StockMovement } from './stock.js';

const restoreRemedy = 'restore it with `npx orders rebuild --from history`';
const countRemedy = 'find out what wrote it, then count these goods: `npx orders stock set <sku> <onHand>`';

/**
 * Compares movements of an order with the effects that its log proves.
 *
 * @param moved the movements, read before the log
 */
export async function compareMovements(
  db: Db,
  moved: readonly StockMovement[],
  settled: readonly SettledEffect[],
  keys: ReadonlySet<string>,
): Promise<readonly Omit<OrderDiscrepancy, 'orderId' | 'kind'>[]> {
  const ofMovements: Entries<StockMovement> = {
    where: 'stock',
    seen: moved,
    find: async (missing) =>
      await movements(db)
        .find({ _id: { $in: missing } }, committed)
        .toArray(),
    isDone: () => true,
    wrong(movement, { effect, event }) {
      const wanted = movementOf(effect, event);
      if (wanted === undefined || (movement !== undefined && isSameMovement(movement, wanted)))
        return undefined;
      return movement === undefined
        ? { detail: `no movement ${effect.key}`, remedy: restoreRemedy }
        : { detail: `the movement ${effect.key} is not what ${event.type} says`, remedy: countRemedy };
    },
    unexplained({ _id: key, type }) {
      // Such a movement comes from lost events, so the log has no effect for it.
      if (type === 'carried') return undefined;
      return { detail: `the log has no effect for the movement ${key} (${type})`, remedy: countRemedy };
    },
  };
  return await compareEntries(ofMovements, settled, keys);
}

type Movement = Pick<NonNullable<ReturnType<typeof movementOf>>, 'type' | 'lines' | 'outcome'>;

function isSameMovement(one: Movement, other: Movement): boolean {
  const content = ({ type, lines, outcome }: Movement) => asStored({ type, lines, outcome });
  return isDeepStrictEqual(content(one), content(other));
}

const SNAPSHOT_TOO_OLD = 239;

/**
 * SKUs whose reserved units are not the sum of their movements. Since each order's movements are
 * checked against its log (`compareMovements`), this proves that the reserved units are those that
 * the orders hold. Stock and movements are read from one snapshot, and what is found is checked
 * twice, so orders in progress cause no false alarm. Memory grows with the number of SKUs only.
 */
export async function* wrongStock(
  db: Db,
  onProgress: (what: string, done: number) => void,
): AsyncGenerator<OrderDiscrepancy, void> {
  const onMovements = (done: number) => onProgress('movements', done);
  const found = await compareStock(db, onMovements);
  if (found.length === 0) return;
  const again = await compareStock(db, onMovements);
  const before = new Set(found.map(({ key }) => key));
  yield* again.filter(({ key }) => before.has(key));
}

async function compareStock(
  db: Db,
  onProgress: (done: number) => void,
): Promise<readonly OrderDiscrepancy[]> {
  const found: OrderDiscrepancy[] = [];
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

function wrongReservation(sku: string, is: number, wanted: number): OrderDiscrepancy {
  return {
    where: 'stock',
    kind: 'differs',
    key: sku,
    detail: `${is} of ${sku} are reserved, and orders hold ${wanted}`,
    remedy: `set \`reserved\` of ${sku} to ${wanted} in the collection \`stock\`, then count it: \`npx orders stock set\``,
  };
}
