import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type Db, MongoError } from 'mongodb';
import { messageOf } from '../../outages/message-of.js';
import { isServerError } from '../../outages/server-error.js';
import type { Draft, State } from '../entity.js';
import { asStored, committed } from '../../mongodb/durability.js';
import {
  type AnyLog,
  type EntityLog,
  type StateDocument,
  stateViews,
  workflowIdOf,
} from '../journal/entity-log.js';
import { foldHistory, type HistoryLog, readHistoryLog } from '../history/history.js';
import { isSameEvent } from '../journal/same-event.js';
import type { RecordedEvent } from '../journal/journal.js';
import { readStored, upcastRecord } from '../journal/read-journal.js';
import { type StopReason, endedReason, rewoundReason } from '../journal/stops.js';
import { eventsUntil, stateAt } from '../journal/time-travel.js';
import { type EntityState, stateQuery } from '../workflow/messages.js';
import type { Discrepancy } from './discrepancy.js';
import { remedyOf } from './remedies.js';

export interface Comparison {
  /** number of events in the journal */
  readonly events: number;
  /** true if Temporal keeps the entity's history, or a part of it */
  readonly hasHistory: boolean;
  /** empty if history, journal, fold, view and workflow agree */
  readonly discrepancies: readonly Discrepancy[];
  /** false if the entity could not be read */
  readonly isProven?: false;
}

export interface CompareDeps {
  readonly client: Client;
  readonly db: Db;
  /** also query the running workflow for its state, which takes a worker */
  readonly asksWorkflow: boolean;
  /**
   * ISO-8601 UTC: events recorded before must have a position. If absent, positions are not
   * checked: those of events that were restored do not follow the versions.
   */
  readonly positionedBefore?: string;
  /**
   * the longest pause between two comparisons of an entity that is only behind; 1,600 by default
   */
  readonly longestPauseMs?: number | undefined;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_600;
const QUERY_WITHIN_MS = 2_000;

/**
 * Compares all that is known of an entity. If something is only behind, which is normal while an
 * entity is being processed, it is compared again for about three seconds; missing positions are
 * not waited for. If reading fails for this entity alone, while both servers answer, the result is
 * `unanswered`, so that one entity does not keep the others from being compared.
 *
 * @throws errors of MongoDB and Temporal if one of them is unavailable
 */
export async function compareEntity<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  deps: CompareDeps,
  orderId: string,
): Promise<Comparison> {
  const { longestPauseMs = LONGEST_PAUSE_MS } = deps;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    const comparison = await compareOnce(log, deps, orderId).catch(async (error: unknown) => {
      await rethrowInOutage(deps, error);
      return unproven(log, orderId, error);
    });
    const { discrepancies, isProven = true } = comparison;
    const isUnderWay = discrepancies.some(({ kind, where }) => kind === 'behind' && where !== 'positions');
    if ((isProven && !isUnderWay) || pauseMs > longestPauseMs) return comparison;
    await setTimeout(pauseMs);
  }
}

/** @throws `error` if one of the servers does not answer a simple request either */
async function rethrowInOutage({ client, db }: CompareDeps, error: unknown): Promise<void> {
  try {
    await client.connection.withDeadline(Date.now() + QUERY_WITHIN_MS, () =>
      client.workflowService.getSystemInfo({}),
    );
    await db.command({ ping: 1 });
  } catch {
    throw error;
  }
}

function unproven(log: AnyLog, orderId: string, error: unknown): Comparison {
  const where = error instanceof MongoError ? 'journal' : 'history';
  const unanswered = { orderId, where, kind: 'unanswered' } as const;
  return {
    events: 0,
    hasHistory: true,
    isProven: false,
    discrepancies: [{ ...unanswered, detail: messageOf(error), remedy: remedyOf(log, unanswered) }],
  };
}

/**
 * Reads in the opposite direction of the data flow, so that what is read later is never behind what
 * was read before.
 */
async function compareOnce<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { client, db, asksWorkflow, positionedBefore }: CompareDeps,
  orderId: string,
): Promise<Comparison> {
  const view = await stateViews(log, db).findOne<StateDocument<S>>(
    { _id: orderId },
    { ...committed, projection: { ahead: 0, recorder: 0, stopped: 0 } },
  );
  const stored = await readStored(log, db, orderId);
  const history = await historyOf(log, client, orderId);
  const isAsked = asksWorkflow && typeof history === 'object' && history.isOpen && !history.isForecast;
  const state = isAsked ? await stateOf<S>(log, client, orderId) : undefined;
  const findings = ifReadable(() => {
    const journal = stored.map((event) => upcastRecord(log, event));
    return [
      ...ifReadable(() => compareViewWithFold(log, view ?? undefined, journal)),
      ...(typeof history === 'string'
        ? [found('differs', 'history', undefined, history)]
        : [
            ...compareJournalWithHistory(log, journal, history),
            ...ifReadable(() => compareWorkflowWithJournal(log, journal, history)),
          ]),
      ...(isAsked ? compareWorkflowWithHistory(log, history, state) : []),
      ...(positionedBefore === undefined
        ? []
        : [...comparePositionsWithVersions(journal), ...lackedPositions(journal, positionedBefore)]),
    ];
  });
  return {
    events: stored.length,
    hasHistory: history !== undefined,
    discrepancies: distinct(findings).map((one) => ({
      orderId,
      remedy: remedyOf(log, { orderId, ...one }),
      ...one,
    })),
  };
}

/** What `compare` finds; a discrepancy of the journal if its events cannot be upcast or folded. */
function ifReadable(compare: () => readonly Found[]): readonly Found[] {
  try {
    return compare();
  } catch (error) {
    return [found('differs', 'journal', undefined, messageOf(error))];
  }
}

/** Removes duplicates: every comparison that folds an unreadable journal reports it. */
function distinct(findings: readonly Found[]): readonly Found[] {
  const isSame = (one: Found) => (other: Found) => isDeepStrictEqual(one, other);
  return findings.filter((one, index) => findings.findIndex(isSame(one)) === index);
}

/** The history, or what is wrong with it if it is not a consistent log. */
async function historyOf<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  client: Client,
  orderId: string,
): Promise<HistoryLog<S, D> | string | undefined> {
  try {
    return await readHistoryLog(log, client, orderId);
  } catch (error) {
    if (isServerError(error)) throw error;
    return messageOf(error);
  }
}

async function stateOf<S>(
  log: AnyLog,
  client: Client,
  orderId: string,
): Promise<EntityState<S> | string | undefined> {
  try {
    return await client.connection.withDeadline(Date.now() + QUERY_WITHIN_MS, () =>
      client.workflow.getHandle(workflowIdOf(log, orderId)).query<EntityState<S>>(stateQuery),
    );
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? undefined : messageOf(error);
  }
}

type Found = Omit<Discrepancy, 'orderId'>;

function compareJournalWithHistory<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  journal: readonly RecordedEvent<D>[],
  history: HistoryLog<S, D> | undefined,
): readonly Found[] {
  const lastInJournal = journal.at(-1)?.version ?? 0;
  const recorded = new Map(journal.map((event) => [event.version, event]));
  if (history === undefined) {
    if (journal.length === 0) return [];
    return lost(recorded, lastInJournal);
  }
  if (history.isResuming && history.isOpen)
    return [found('behind', 'history', undefined, 'its workflow is loading its log from the journal')];
  if (history.isForecast) {
    const [first] = journal;
    return first === undefined
      ? []
      : [found('differs', 'history', first.version, 'it has decided nothing yet')];
  }
  const lastInHistory = history.firstVersion - 1 + history.events.length;
  const missing = history.events.filter(({ version }) => !recorded.has(version));
  const [first] = missing;
  return [
    ...lost(recorded, history.firstVersion - 1),
    ...(first === undefined
      ? []
      : [found('behind', 'journal', first.version, `it lacks ${missing.length} of the history's events`)]),
    ...history.events.flatMap((event) => {
      const known = recorded.get(event.version);
      if (known === undefined || isSameEvent(log, known, event)) return [];
      return [found('differs', 'journal', event.version, `${known.type} is not the history's ${event.type}`)];
    }),
    ...journal
      .filter(({ version }) => version > lastInHistory)
      .map(({ version, type }) => found('differs', 'journal', version, `the history has no such ${type}`)),
    ...compareBaseWithFold(log, journal, history),
  ];
}

/**
 * Finds entities that are not finished, and have no running workflow, or one that is behind the
 * journal.
 */
function compareWorkflowWithJournal<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  journal: readonly RecordedEvent<D>[],
  history: HistoryLog<S, D> | undefined,
): readonly Found[] {
  const isOver = (state: S | undefined) => state !== undefined && log.entity.isFinished(state);
  const last = journal.at(-1);
  const known = last && stateAt(log, journal, { version: last.version });
  if (history === undefined) {
    if (last === undefined || isOver(known)) return [];
    return [stopped(endedReason(log, last.orderId, undefined))];
  }
  const { orderId, isOpen, ending, isForecast, isResuming, firstVersion, events } = history;
  if (!isOpen) {
    const isRefused = isForecast && events.length === 0;
    const isDone = isOver(known) || (!isForecast && isOver(foldHistory(log, history)));
    return isDone || isRefused ? [] : [stopped(endedReason(log, orderId, ending))];
  }
  const lastInHistory = isForecast ? 0 : firstVersion - 1 + events.length;
  if (isResuming || last === undefined || last.version <= lastInHistory) return [];
  return [stopped(rewoundReason(log, orderId, lastInHistory + 1))];
}

function stopped({ code, detail, remedy }: StopReason): Found {
  return { where: 'workflow', kind: 'stopped', detail, code, remedy };
}

/** Versions up to `upTo` that are no longer in any history, and not in the journal either. */
function lost(recorded: ReadonlyMap<number, unknown>, upTo: number): readonly Found[] {
  const versions = Array.from({ length: upTo }, (_, index) => index + 1);
  return versions
    .filter((version) => !recorded.has(version))
    .map((version) => found('differs', 'journal', version, 'it is missing, and no history has it'));
}

/**
 * The state with which the oldest kept run started must equal the fold of the journal up to its
 * version.
 */
function compareBaseWithFold<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  journal: readonly RecordedEvent<D>[],
  { base }: HistoryLog<S, D>,
): readonly Found[] {
  if (base === undefined) return [];
  const state = stateAt(log, journal, base);
  if (state?.version !== base.version) return [];
  const fields = differing(membersOf(state, base), base);
  if (fields === '') return [];
  return [
    found('differs', 'history', base.version, `the run started with other ${fields} than the journal's fold`),
  ];
}

function compareViewWithFold<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: StateDocument<S> | undefined,
  journal: readonly RecordedEvent<D>[],
): readonly Found[] {
  const events = eventsUntil(journal, { version: journal.length });
  if (view === undefined)
    return events.length === 0 ? [] : [found('behind', 'view', 1, `the ${log.entity.name} has no view`)];
  if (view.version > events.length)
    return [found('differs', 'view', view.version, `the journal goes to version ${events.length}`)];
  const state = stateAt(log, events, view);
  const further = new Set(log.view.further?.members);
  const kept = Object.fromEntries(Object.entries(view).filter(([name]) => !further.has(name)));
  const fields = state === undefined ? 'everything' : differing(kept, log.view.toDocument(state));
  return [
    ...(fields === ''
      ? []
      : [found('differs', 'view', view.version, `other ${fields} than the journal's fold`)]),
    ...(view.version < events.length
      ? [found('behind', 'view', view.version + 1, `the journal goes to version ${events.length}`)]
      : []),
  ];
}

function compareWorkflowWithHistory<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  history: HistoryLog<S, D>,
  state: EntityState<S> | string | undefined,
): readonly Found[] {
  if (typeof state === 'string') return [{ where: 'workflow', kind: 'unanswered', detail: state }];
  if (state === undefined) return [found('behind', 'workflow', undefined, 'it has just ended')];
  const { order, halted } = state;
  if (halted !== undefined)
    return [found('differs', 'workflow', undefined, `it is halted: ${halted.message}`)];
  const folded = foldHistory(log, history);
  const version = folded?.version ?? 0;
  if (order.version > version)
    return [found('behind', 'history', version + 1, 'the workflow has just continued')];
  const fields = folded === undefined ? 'everything' : differing(order, folded);
  return fields === ''
    ? []
    : [found('differs', 'workflow', order.version, `other ${fields} than the history's fold`)];
}

/** Within an entity, positions must ascend with versions. */
function comparePositionsWithVersions(journal: readonly RecordedEvent<Draft>[]): readonly Found[] {
  return journal.flatMap(({ version, position }, index) => {
    const before = journal[index - 1];
    if (before === undefined || position === undefined) return [];
    if (before.position !== undefined && before.position < position) return [];
    const other = before.position === undefined ? 'none' : String(before.position);
    return [
      found(
        'differs',
        'positions',
        version,
        `it has position ${position}, and version ${before.version} has ${other}`,
      ),
    ];
  });
}

function lackedPositions(journal: readonly RecordedEvent<Draft>[], before: string): readonly Found[] {
  const without = journal.filter(({ position, recordedAt }) => position === undefined && recordedAt < before);
  const [first] = without;
  if (first === undefined) return [];
  return [
    found(
      'behind',
      'positions',
      first.version,
      `${without.length} of its events, recorded before ${before}, have no position`,
    ),
  ];
}

/**
 * The members of `whole` that `part` also has. An older version of this code may have handed over
 * a state without the newer members.
 */
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

/** The names of the members that differ; empty if none. */
function differing(one: object, other: object): string {
  const [these, those] = [asStored(one), asStored(other)];
  return [...new Set([...Object.keys(these), ...Object.keys(those)])]
    .filter((name) => !isDeepStrictEqual(these[name], those[name]))
    .join(', ');
}

function found(
  kind: 'differs' | 'behind',
  where: Discrepancy['where'],
  version: number | undefined,
  detail: string,
): Found {
  return { where, kind, detail, ...(version === undefined ? {} : { version }) };
}
