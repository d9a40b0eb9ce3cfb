import { type OrderState, workflowId } from '../../order-log.js';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type Db, MongoError } from 'mongodb';
import { fold } from '../../order/evolve.js';
import { type Order, isFinished } from '../../order/order.js';
import { upcast } from '../../order/upcasters.js';
import { messageOf } from '../../outages/message-of.js';
import { isServerError } from '../../outages/server-error.js';
import { type OrderDocument, orders, toDocument } from '../../views/orders.js';
import { stateQuery } from '../workflow/messages.js';
import { asStored, committed } from '../journal/durability.js';
import { foldHistory, type HistoryLog, readHistoryLog } from '../journal/history.js';
import { remedyOf } from './remedies.js';
import { isSameEvent, type RecordedEvent, readStored } from '../journal/journal.js';
import { type Cause, ended, rewound } from '../journal/stops.js';
import { eventsUntil, orderAt } from '../journal/time-travel.js';

/** Where an order is not one and the same. */
export interface Discrepancy {
  /** absent where it is about no order in particular */
  readonly orderId?: string;
  /** the first at which it shows; absent where it is about the order as a whole */
  readonly version?: number;
  readonly where: 'journal' | 'history' | 'view' | 'workflow' | 'positions' | 'stock' | 'payments';
  /** an effect's, where it is about one; a SKU */
  readonly key?: string;
  /**
   * `behind`: it lacks what another already has; `stopped`: the order cannot go on by itself; `unanswered`: there was no answer,
   * so nothing is proven
   */
  readonly kind: 'differs' | 'behind' | 'stopped' | 'unanswered';
  /** for a person: what was found and what was expected */
  readonly detail: string;
  /** why the order cannot go on by itself; absent if it can */
  readonly code?: Cause['code'];
  /** for a person: what to do about it */
  readonly remedy?: string;
}

export interface Comparison {
  /** in the journal */
  readonly events: number;
  /** Temporal keeps the order's history, or a part of it */
  readonly hasHistory: boolean;
  /** none where history, journal, fold, view and workflow are one */
  readonly discrepancies: readonly Discrepancy[];
  /** false where the order could not be read at all */
  readonly isProven?: false;
}

export interface Compared {
  readonly client: Client;
  readonly db: Db;
  /** Ask the workflow for its state, too, where it is open: that takes a worker. */
  readonly asksWorkflow: boolean;
  /**
   * ISO-8601 UTC: what was recorded before is to have its position by now. Absent where nobody looks at positions: those of
   * what was lost and came back do not follow versions, for ever.
   */
  readonly positionedBefore?: string;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_600;
const QUERY_WITHIN_MS = 2_000;

/**
 * Compares everything that is known of an order. Where something is only behind, as it is while an order is under way, it is
 * looked at again for some three seconds; positions are not, for they were given their time. What fails for this order alone,
 * while the servers answer, is `unanswered`: one order never keeps the others from being compared.
 *
 * @throws errors of MongoDB and Temporal where one of them is away
 */
export async function compareOrder(compared: Compared, orderId: string): Promise<Comparison> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    const comparison = await compareOnce(compared, orderId).catch(async (error: unknown) => {
      await reach(compared, error);
      return unproven(orderId, error);
    });
    const { discrepancies, isProven = true } = comparison;
    const isUnderWay = discrepancies.some(({ kind, where }) => kind === 'behind' && where !== 'positions');
    if ((isProven && !isUnderWay) || pauseMs > LONGEST_PAUSE_MS) return comparison;
    await setTimeout(pauseMs);
  }
}

/** @throws `error` where a server does not answer a simple question either */
async function reach({ client, db }: Compared, error: unknown): Promise<void> {
  try {
    await client.connection.withDeadline(Date.now() + QUERY_WITHIN_MS, () =>
      client.workflowService.getSystemInfo({}),
    );
    await db.command({ ping: 1 });
  } catch {
    throw error;
  }
}

function unproven(orderId: string, error: unknown): Comparison {
  const where = error instanceof MongoError ? 'journal' : 'history';
  const found = { orderId, where, kind: 'unanswered' } as const;
  return {
    events: 0,
    hasHistory: true,
    isProven: false,
    discrepancies: [{ ...found, detail: messageOf(error), remedy: remedyOf(found) }],
  };
}

/** Reads against the way that events take, so that whatever is read later is as far as what was read before, or farther. */
async function compareOnce(
  { client, db, asksWorkflow, positionedBefore }: Compared,
  orderId: string,
): Promise<Comparison> {
  const view = await orders(db).findOne(
    { _id: orderId },
    { ...committed, projection: { ahead: 0, recorder: 0, stopped: 0 } },
  );
  const stored = await readStored(db, orderId);
  const history = await historyOf(client, orderId);
  const isAsked = asksWorkflow && typeof history === 'object' && history.isOpen && !history.isForecast;
  const state = isAsked ? await stateOf(client, orderId) : undefined;
  const found = whereLegible(() => {
    const journal = stored.map((event) => upcast(event));
    return [
      ...whereLegible(() => compareView(view ?? undefined, journal)),
      ...(typeof history === 'string'
        ? [differs('history', undefined, history)]
        : [...compareLogs(journal, history), ...whereLegible(() => compareLife(journal, history))]),
      ...(isAsked ? compareWorkflow(history, state) : []),
      ...(positionedBefore === undefined
        ? []
        : [...comparePositions(journal), ...lackedPositions(journal, positionedBefore)]),
    ];
  });
  return {
    events: stored.length,
    hasHistory: history !== undefined,
    discrepancies: distinct(found).map((one) => ({
      orderId,
      remedy: remedyOf({ orderId, ...one }),
      ...one,
    })),
  };
}

/** What is found; that the journal is no log, where it cannot even be read as one. */
function whereLegible(compare: () => readonly Found[]): readonly Found[] {
  try {
    return compare();
  } catch (error) {
    return [differs('journal', undefined, messageOf(error))];
  }
}

/** A journal that is no log is found by each comparison that folds it. */
function distinct(found: readonly Found[]): readonly Found[] {
  const isSame = (one: Found) => (other: Found) => isDeepStrictEqual(one, other);
  return found.filter((one, index) => found.findIndex(isSame(one)) === index);
}

/** What is wrong with it, where it is a log no more. */
async function historyOf(client: Client, orderId: string): Promise<HistoryLog | string | undefined> {
  try {
    return await readHistoryLog(client, orderId);
  } catch (error) {
    if (isServerError(error)) throw error;
    return messageOf(error);
  }
}

async function stateOf(client: Client, orderId: string): Promise<OrderState | string | undefined> {
  try {
    return await client.connection.withDeadline(Date.now() + QUERY_WITHIN_MS, () =>
      client.workflow.getHandle(workflowId(orderId)).query<OrderState>(stateQuery),
    );
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? undefined : messageOf(error);
  }
}

type Found = Omit<Discrepancy, 'orderId'>;

function compareLogs(journal: readonly RecordedEvent[], history: HistoryLog | undefined): readonly Found[] {
  const lastInJournal = journal.at(-1)?.version ?? 0;
  const recorded = new Map(journal.map((event) => [event.version, event]));
  if (history === undefined) {
    if (journal.length === 0) return [];
    return lost(recorded, lastInJournal);
  }
  if (history.isResuming && history.isOpen)
    return [behind('history', undefined, 'its workflow takes the order over from the journal')];
  if (history.isForecast) {
    const [first] = journal;
    return first === undefined ? [] : [differs('history', first.version, 'it has decided nothing yet')];
  }
  const lastInHistory = history.firstVersion - 1 + history.events.length;
  const missing = history.events.filter(({ version }) => !recorded.has(version));
  const [first] = missing;
  return [
    ...lost(recorded, history.firstVersion - 1),
    ...(first === undefined
      ? []
      : [behind('journal', first.version, `it lacks ${missing.length} of the history's events`)]),
    ...history.events.flatMap((event) => {
      const known = recorded.get(event.version);
      if (known === undefined || isSameEvent(known, event)) return [];
      return [differs('journal', event.version, `${known.type} is not the history's ${event.type}`)];
    }),
    ...journal
      .filter(({ version }) => version > lastInHistory)
      .map(({ version, type }) => differs('journal', version, `the history has no such ${type}`)),
    ...compareBase(journal, history),
  ];
}

/** An order that is not finished has a workflow that runs, and is as far as the journal. */
function compareLife(journal: readonly RecordedEvent[], history: HistoryLog | undefined): readonly Found[] {
  const last = journal.at(-1);
  const known = last && fold(eventsUntil(journal, { version: last.version }));
  if (history === undefined) {
    if (last === undefined || isOver(known)) return [];
    return [stopped(ended(last.orderId, undefined))];
  }
  const { orderId, isOpen, ending, isForecast, isResuming, firstVersion, events } = history;
  if (!isOpen) {
    const isRefused = isForecast && events.length === 0;
    const isDone = isOver(known) || (!isForecast && isOver(foldHistory(history)));
    return isDone || isRefused ? [] : [stopped(ended(orderId, ending))];
  }
  const lastInHistory = isForecast ? 0 : firstVersion - 1 + events.length;
  if (isResuming || last === undefined || last.version <= lastInHistory) return [];
  return [stopped(rewound(orderId, lastInHistory + 1))];
}

function isOver(order: Order | undefined): boolean {
  return order !== undefined && isFinished(order);
}

function stopped({ code, detail, remedy }: Cause): Found {
  return { where: 'workflow', kind: 'stopped', detail, code, remedy };
}

/** Versions that no history has any more, so that the journal must. */
function lost(recorded: ReadonlyMap<number, unknown>, upTo: number): readonly Found[] {
  const versions = Array.from({ length: upTo }, (_, index) => index + 1);
  return versions
    .filter((version) => !recorded.has(version))
    .map((version) => differs('journal', version, 'it is missing, and no history has it'));
}

/** The order that the oldest run that is kept took over is the fold of what came before, as far as that run kept it. */
function compareBase(journal: readonly RecordedEvent[], { base }: HistoryLog): readonly Found[] {
  if (base === undefined) return [];
  const order = orderAt(journal, base);
  if (order?.version !== base.version) return [];
  const fields = differing(membersOf(order, base), base);
  if (fields === '') return [];
  return [differs('history', base.version, `the run began with other ${fields} than the journal's fold has`)];
}

function compareView(view: OrderDocument | undefined, journal: readonly RecordedEvent[]): readonly Found[] {
  const log = eventsUntil(journal, { version: journal.length });
  if (view === undefined) return log.length === 0 ? [] : [behind('view', 1, 'there is none')];
  if (view.version > log.length)
    return [differs('view', view.version, `the journal goes to version ${log.length}`)];
  const order = orderAt(log, view);
  const fields = order === undefined ? 'everything' : differing(view, toDocument(order));
  return [
    ...(fields === '' ? [] : [differs('view', view.version, `other ${fields} than the journal's fold`)]),
    ...(view.version < log.length
      ? [behind('view', view.version + 1, `the journal goes to version ${log.length}`)]
      : []),
  ];
}

function compareWorkflow(history: HistoryLog, state: OrderState | string | undefined): readonly Found[] {
  if (typeof state === 'string') return [{ where: 'workflow', kind: 'unanswered', detail: state }];
  if (state === undefined) return [behind('workflow', undefined, 'it has just ended')];
  const { order, halted } = state;
  if (halted !== undefined) return [differs('workflow', undefined, `it is halted: ${halted.message}`)];
  const folded = foldHistory(history);
  const version = folded?.version ?? 0;
  if (order.version > version) return [behind('history', version + 1, 'the workflow has just gone on')];
  const fields = folded === undefined ? 'everything' : differing(order, folded);
  return fields === '' ? [] : [differs('workflow', order.version, `other ${fields} than the history's fold`)];
}

/** Within an order, positions follow versions. */
function comparePositions(journal: readonly RecordedEvent[]): readonly Found[] {
  return journal.flatMap(({ version, position }, index) => {
    const before = journal[index - 1];
    if (before === undefined || position === undefined) return [];
    if (before.position !== undefined && before.position < position) return [];
    const other = before.position === undefined ? 'none' : String(before.position);
    return [differs('positions', version, `it has ${position}, and version ${before.version} has ${other}`)];
  });
}

function lackedPositions(journal: readonly RecordedEvent[], before: string): readonly Found[] {
  const without = journal.filter(({ position, recordedAt }) => position === undefined && recordedAt < before);
  const [first] = without;
  if (first === undefined) return [];
  return [
    behind(
      'positions',
      first.version,
      `${without.length} of its events, recorded before ${before}, without one`,
    ),
  ];
}

/** What `whole` has of the members that `part` has: an older version of this code handed on an order with fewer. */
function membersOf(whole: unknown, part: unknown): object {
  if (Array.isArray(whole) && Array.isArray(part)) return whole.map((one, index) => ofPart(one, part[index]));
  const [members, wanted] = [Object.entries(Object(whole)), Object(part)];
  return Object.fromEntries(
    members.filter(([name]) => name in wanted).map(([name, value]) => [name, ofPart(value, wanted[name])]),
  );
}

function ofPart(whole: unknown, part: unknown): unknown {
  const areObjects = [whole, part].every((one) => typeof one === 'object' && one !== null);
  return areObjects ? membersOf(whole, part) : whole;
}

/** The names of the members that are not the same; empty where all are. */
function differing(one: object, other: object): string {
  const [these, those] = [asStored(one), asStored(other)];
  return [...new Set([...Object.keys(these), ...Object.keys(those)])]
    .filter((name) => !isDeepStrictEqual(these[name], those[name]))
    .join(', ');
}

function differs(where: Discrepancy['where'], version: number | undefined, detail: string): Found {
  return { where, kind: 'differs', detail, ...(version === undefined ? {} : { version }) };
}

function behind(where: Discrepancy['where'], version: number | undefined, detail: string): Found {
  return { ...differs(where, version, detail), kind: 'behind' };
}
