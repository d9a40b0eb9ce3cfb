import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { MongoError } from 'mongodb';
import { messageOf } from '../../outages/message-of.js';
import { isServerError } from '../../outages/server-error.js';
import type { Draft, State } from '../entity.js';
import { committed } from '../../mongodb/durability.js';
import { type AnyLog, type EntityLog, workflowIdOf } from '../entity-log/entity-log.js';
import { type StateDocument, stateViews } from '../entity-log/state-view.js';
import type { Databases } from '../../databases.js';
import { type HistoryLog, readHistoryLog } from '../history/history.js';
import { readStoredEvents, upcastRecord } from '../journal/read-journal.js';
import { type EntityState, stateQuery } from '../workflow/messages.js';
import {
  compareJournalWithHistory,
  comparePositionsWithVersions,
  compareViewWithFold,
  compareWorkflowWithHistory,
  compareWorkflowWithJournal,
  differs,
  type Finding,
  eventsWithoutPosition,
} from './find-discrepancies.js';
import type { Discrepancy } from './discrepancy.js';
import { remedyOf } from './remedies.js';

/** What the comparison of one entity has found. */
export interface Comparison<W extends string = never> {
  /** number of events in the journal */
  readonly events: number;
  /** true if Temporal keeps the entity's history, or a part of it */
  readonly hasHistory: boolean;
  /** empty if all that was compared agrees */
  readonly discrepancies: readonly Discrepancy<W>[];
}

export interface CompareDeps extends Pick<Databases, 'client' | 'db'> {
  /** also query the running workflow for its state, which needs a worker */
  readonly asksWorkflow: boolean;
  /**
   * ISO-8601 UTC: events recorded before then must have a position. Absent in a reconciliation,
   * which checks no positions: an event that it restores gets its position after later versions.
   */
  readonly positionedBefore?: string;
  /** the longest pause between two comparisons of an entity that lags; 1,600 by default */
  readonly maxPauseMs?: number | undefined;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1_600;
const QUERY_WITHIN_MS = 2_000;

/**
 * Compares all that is known about an entity. If something only lags, which is normal while an
 * entity is being processed, the entity is compared again for about three seconds. Missing
 * positions are not waited for. If reading fails for this entity alone, while both servers answer,
 * the result is `unanswered`, so that one entity does not keep the others from being compared.
 *
 * @throws errors of MongoDB and Temporal if one of them is unavailable
 */
export async function compareEntity<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  deps: CompareDeps,
  orderId: string,
): Promise<Comparison> {
  const { maxPauseMs = MAX_PAUSE_MS } = deps;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    const comparison = await compareOnce(log, deps, orderId).catch(async (error: unknown) => {
      await rethrowInOutage(deps, error);
      return unreadable(log, orderId, error);
    });
    if (!comparison.discrepancies.some(mayPass) || pauseMs > maxPauseMs) return comparison;
    await setTimeout(pauseMs);
  }
}

/** Whether the discrepancy may be gone when the entity is compared again. */
function mayPass({ kind, where }: Discrepancy): boolean {
  return kind === 'behind' ? where !== 'positions' : kind === 'unanswered' && where !== 'workflow';
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

function unreadable(log: AnyLog, orderId: string, error: unknown): Comparison {
  const where = error instanceof MongoError ? 'journal' : 'history';
  const unanswered = { orderId, where, kind: 'unanswered' } as const;
  return {
    events: 0,
    hasHistory: true,
    discrepancies: [{ ...unanswered, detail: messageOf(error), remedy: remedyOf(log, unanswered) }],
  };
}

/**
 * Reads in the opposite direction of the data flow, so that what is read later is never older than
 * what was read before.
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
  const stored = await readStoredEvents(log, db, orderId);
  const history = await historyOf(log, client, orderId);
  const isAsked = asksWorkflow && typeof history === 'object' && history.isOpen && !history.isForecast;
  const state = isAsked ? await stateOf<S>(log, client, orderId) : undefined;
  const findings = ifReadable(() => {
    const journal = stored.map((event) => upcastRecord(log, event));
    return [
      ...ifReadable(() => compareViewWithFold(log, view ?? undefined, journal)),
      ...(typeof history === 'string'
        ? [differs('history', undefined, history)]
        : [
            ...compareJournalWithHistory(log, journal, history),
            ...ifReadable(() => compareWorkflowWithJournal(log, journal, history)),
          ]),
      ...(isAsked ? compareWorkflowWithHistory(log, history, state) : []),
      ...(positionedBefore === undefined
        ? []
        : [...comparePositionsWithVersions(journal), ...eventsWithoutPosition(journal, positionedBefore)]),
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
function ifReadable(compare: () => readonly Finding[]): readonly Finding[] {
  try {
    return compare();
  } catch (error) {
    return [differs('journal', undefined, messageOf(error))];
  }
}

/** Removes duplicates: every comparison that folds an unreadable journal reports it. */
function distinct(findings: readonly Finding[]): readonly Finding[] {
  const isSame = (one: Finding) => (other: Finding) => isDeepStrictEqual(one, other);
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
