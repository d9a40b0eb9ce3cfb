import { pause } from '../../../concurrency/pause.js';
import type { LedgerEntry } from '../../../effects/payments/sandbox-ledger.js';
import type { Databases } from '../../../databases.js';
import type { VerifyReport } from '../../../log/proof/verify.js';
import type { OrderEvent } from '../../../order/events.js';
import { formatMoney } from '../../../order/money.js';
import { sum } from '../../../order/order.js';
import type { Api } from '../../connections/api.js';
import { apiOf } from '../../connections/api-address.js';
import { withDatabases } from '../../connections/databases.js';
import { eventsOf } from '../../connections/order-events.js';
import { verifyLines } from '../../printing/discrepancies.js';
import { untitled } from '../../printing/table.js';
import { counted, type Paint } from '../../printing/terminal.js';
import type { Session } from '../../script/script.js';
import type { Stack } from './stack.js';
import type { StoryResult } from './stories.js';

const LOOK_AGAIN_MS = 1_000;
const MAX_LOOKS = 30;

function isPositionBehind({ where, kind }: VerifyReport<string>['discrepancies'][number]): boolean {
  return where === 'positions' && kind === 'behind';
}

/** Counts the demo's orders in every ledger, and verifies its whole system. */
export async function readScorecard(session: Session, stack: Stack, orders: readonly StoryResult[]) {
  const { verifyOrders } = await import('../../../effects/proof/verify-orders.js');
  return await withDatabases(session, async (databases) => {
    const ids = orders.map(({ orderId }) => orderId);
    const counts = scoreOf(await readLedgers(apiOf(session, {}), databases, ids));
    let verified = await verifyOrders(databases, {});
    // After the outage, the sequencer may take some seconds to give positions to all events.
    for (let looks = 0; looks < MAX_LOOKS && verified.discrepancies.some(isPositionBehind); looks += 1) {
      await pause(LOOK_AGAIN_MS);
      verified = await verifyOrders(databases, {});
    }
    const crashes = { workersKilled: stack.worker.killed(), mongodbAwayMs: stack.mongodb.pausedMs() };
    return {
      score: counts,
      crashes,
      verified,
      lines: scoreLines(counts, crashes, verified, session.terminal.paint),
    };
  });
}

/** The records of the demo's orders in each system. */
export interface Ledgers {
  /** histories in Temporal, of each order that was accepted */
  readonly histories: ReadonlyMap<string, readonly OrderEvent[]>;
  /** journals in MongoDB, of the same orders */
  readonly journals: ReadonlyMap<string, readonly OrderEvent[]>;
  /** the payment provider's ledger */
  readonly payments: readonly LedgerEntry[];
}

interface Score {
  readonly orders: { readonly accepted: number; readonly inJournal: number };
  readonly events: { readonly inHistories: number; readonly inJournal: number; readonly lost: number };
  readonly charges: {
    readonly captures: number;
    /** minor units */
    readonly amount: number;
    /** repeated captures of one shipment, and further valid authorizations of one order */
    readonly double: number;
    /** number of keys that the provider was called with, and number of calls */
    readonly keys: number;
    readonly calls: number;
  };
}

/** Reads histories and journals through the API, and the provider's ledger from its database. */
async function readLedgers(api: Api, { db }: Databases, orderIds: readonly string[]): Promise<Ledgers> {
  const { sandboxLedger } = await import('../../../effects/payments/sandbox-ledger.js');
  const logs = async (source: string) => {
    const events = new Map<string, readonly OrderEvent[]>();
    for (const orderId of orderIds) events.set(orderId, await eventsOf(api, orderId, { source }));
    return events;
  };
  const payments = await sandboxLedger(db)
    .find({ orderId: { $in: [...orderIds] } })
    .toArray();
  return { histories: await logs('history'), journals: await logs('journal'), payments };
}

/** Counts events and charges in the ledgers. */
export function scoreOf({ histories, journals, payments }: Ledgers): Score {
  const captures = payments.filter(({ capture }) => capture !== undefined);
  const standing = payments.filter(({ authorization }) => authorization?.status === 'authorized');
  return {
    orders: {
      accepted: histories.size,
      inJournal: [...journals.values()].filter((events) => events.length > 0).length,
    },
    events: {
      inHistories: sum([...histories.values()], ({ length }) => length),
      inJournal: sum([...journals.values()], ({ length }) => length),
      lost: sum([...histories], ([orderId, events]) => missing(events, journals.get(orderId) ?? [])),
    },
    charges: {
      captures: captures.length,
      amount: sum(captures, ({ amount = 0 }) => amount),
      double: repeated(captures.map(shipmentOf)) + repeated(standing.map(({ orderId }) => orderId)),
      keys: payments.length,
      calls: sum(payments, ({ calls }) => calls),
    },
  };
}

/**
 * How many events of a history the journal lacks. If neither has an event, the order's first event
 * is lost, so the result is 1.
 */
function missing(history: readonly OrderEvent[], journal: readonly OrderEvent[]): number {
  const versions = new Set(journal.map(({ version }) => version));
  if (history.length === 0 && versions.size === 0) return 1;
  return history.filter(({ version }) => !versions.has(version)).length;
}

function shipmentOf({ orderId, request }: LedgerEntry): string {
  return `${orderId} ${request.type === 'capture' ? request.shipmentId : ''}`;
}

function repeated(names: readonly string[]): number {
  return names.length - new Set(names).size;
}

/** The faults that the demo caused. */
interface Crashes {
  readonly workersKilled: number;
  readonly mongodbAwayMs: number;
}

const plain: Paint = (_, text) => text;

/** The scorecard as readable text. */
function scoreLines(
  { orders, events, charges }: Score,
  { workersKilled, mongodbAwayMs }: Crashes,
  verified: VerifyReport<string>,
  paint: Paint,
): readonly string[] {
  const nothing = (count: number) =>
    ({ text: String(count), format: count === 0 ? 'green' : 'red' }) as const;
  const money = formatMoney(charges.amount, 'EUR');
  const asked = `the bank was asked ${charges.calls} times under ${charges.keys} keys`;
  return [
    paint('bold', 'Scorecard, counted in the ledgers'),
    ...untitled(
      [
        ['orders', `${orders.accepted} accepted, ${orders.inJournal} in the journal`],
        [
          'crashes',
          `${counted(workersKilled, 'worker', 'workers')} killed, MongoDB away for ${(mongodbAwayMs / 1_000).toFixed(1)} s`,
        ],
        ['charges', `${charges.captures}, of ${money}; ${asked}`],
        ['double charges', nothing(charges.double)],
        ['events', `${events.inHistories} in Temporal's histories, ${events.inJournal} in the journal`],
        ['lost events', nothing(events.lost)],
        [
          'verified',
          { text: verifyLines(verified, plain)[0] ?? '', format: verified.found === 0 ? 'green' : 'red' },
        ],
      ],
      paint,
    ).map((line) => `  ${line}`),
  ];
}
