import { isDeepStrictEqual } from 'node:util';
import { asStored } from '../../mongodb/as-stored.js';
import type { Draft, State } from '../entity.js';
import { foldHistory, type HistoryLog } from '../history/history.js';
import { isObject } from '../entity-log/differences.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import { contiguous } from '../journal/fold.js';
import type { StateDocument } from '../entity-log/state-view.js';
import type { RecordedEvent } from '../journal/journal.js';
import { isSameEvent } from '../journal/same-event.js';
import { endedReason, rewoundReason, type StopReason } from '../journal/stops.js';
import { stateAt } from '../journal/time-travel.js';
import type { EntityState } from '../workflow/messages.js';
import type { Discrepancy } from './discrepancy.js';

/** A discrepancy of an entity. The functions here are pure: they compare what was read. */
export type Finding = Omit<Discrepancy, 'orderId'>;

/** Finds events that only the journal or only the history has, and events that differ. */
export function compareJournalWithHistory<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  journal: readonly RecordedEvent<D>[],
  history: HistoryLog<S, D> | undefined,
): readonly Finding[] {
  const lastInJournal = journal.at(-1)?.version ?? 0;
  const recorded = new Map(journal.map((event) => [event.version, event]));
  if (history === undefined) {
    if (journal.length === 0) return [];
    return lost(recorded, lastInJournal);
  }
  if (history.isResuming && history.isOpen)
    return [behind('history', undefined, 'its workflow is loading its log from the journal')];
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
      if (known === undefined || isSameEvent(log, known, event)) return [];
      return [differs('journal', event.version, `${known.type} is not the history's ${event.type}`)];
    }),
    ...journal
      .filter(({ version }) => version > lastInHistory)
      .map(({ version, type }) => differs('journal', version, `the history has no such ${type}`)),
    ...compareBaseWithFold(log, journal, history),
  ];
}

/** Finds unfinished entities without a running workflow, or with one that lacks recorded events. */
export function compareWorkflowWithJournal<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  journal: readonly RecordedEvent<D>[],
  history: HistoryLog<S, D> | undefined,
): readonly Finding[] {
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

function stopped({ code, detail, remedy }: StopReason): Finding {
  return { where: 'workflow', kind: 'stopped', detail, code, remedy };
}

/** Versions up to `upTo` that are no longer in any history, and not in the journal either. */
function lost(recorded: ReadonlyMap<number, unknown>, upTo: number): readonly Finding[] {
  const versions = Array.from({ length: upTo }, (_, index) => index + 1);
  return versions
    .filter((version) => !recorded.has(version))
    .map((version) => differs('journal', version, 'it is missing, and no history has it'));
}

/** The oldest kept run's first state must equal the fold of the journal up to its version. */
function compareBaseWithFold<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  journal: readonly RecordedEvent<D>[],
  { base }: HistoryLog<S, D>,
): readonly Finding[] {
  if (base === undefined) return [];
  const state = stateAt(log, journal, base);
  if (state?.version !== base.version) return [];
  const reduced = reducedTo(state, base);
  const fields = isObject(reduced) ? differing(reduced, base) : 'everything';
  if (fields === '') return [];
  return [differs('history', base.version, `the run started with other ${fields} than the journal's fold`)];
}

/** Compares the view with the fold of the journal up to the view's version. */
export function compareViewWithFold<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: StateDocument<S> | undefined,
  journal: readonly RecordedEvent<D>[],
): readonly Finding[] {
  const events = contiguous(journal);
  if (view === undefined)
    return events.length === 0 ? [] : [behind('view', 1, `the ${log.entity.name} has no view`)];
  if (view.version > events.length)
    return [differs('view', view.version, `the journal goes to version ${events.length}`)];
  const state = stateAt(log, events, view);
  const extra = new Set(log.view.extra?.members);
  const kept = Object.fromEntries(Object.entries(view).filter(([name]) => !extra.has(name)));
  const fields = state === undefined ? 'everything' : differing(kept, log.view.toDocument(state));
  return [
    ...(fields === '' ? [] : [differs('view', view.version, `other ${fields} than the journal's fold`)]),
    ...(view.version < events.length
      ? [behind('view', view.version + 1, `the journal goes to version ${events.length}`)]
      : []),
  ];
}

/**
 * @param answer the workflow's answer to the query for its state; a text if the query failed;
 *   undefined if the workflow has ended
 */
export function compareWorkflowWithHistory<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  history: HistoryLog<S, D>,
  answer: EntityState<S> | string | undefined,
): readonly Finding[] {
  if (typeof answer === 'string') return [{ where: 'workflow', kind: 'unanswered', detail: answer }];
  if (answer === undefined) return [behind('workflow', undefined, 'it has just ended')];
  const { order: state, halted } = answer;
  if (halted !== undefined) return [differs('workflow', undefined, `it is halted: ${halted.message}`)];
  const folded = foldHistory(log, history);
  const version = folded?.version ?? 0;
  if (state.version > version) return [behind('history', version + 1, 'the workflow has just continued')];
  const fields = folded === undefined ? 'everything' : differing(state, folded);
  return fields === '' ? [] : [differs('workflow', state.version, `other ${fields} than the history's fold`)];
}

/** Within an entity, positions must ascend with versions. */
export function comparePositionsWithVersions(journal: readonly RecordedEvent<Draft>[]): readonly Finding[] {
  return journal.flatMap(({ version, position }, index) => {
    const before = journal[index - 1];
    if (before === undefined || position === undefined) return [];
    if (before.position !== undefined && before.position < position) return [];
    const other = before.position === undefined ? 'none' : String(before.position);
    return [
      differs(
        'positions',
        version,
        `it has position ${position}, and version ${before.version} has ${other}`,
      ),
    ];
  });
}

/** Finds events without a position that were recorded before a time (ISO-8601 UTC). */
export function eventsWithoutPosition(
  journal: readonly RecordedEvent<Draft>[],
  before: string,
): readonly Finding[] {
  const without = journal.filter(({ position, recordedAt }) => position === undefined && recordedAt < before);
  const [first] = without;
  if (first === undefined) return [];
  return [
    behind(
      'positions',
      first.version,
      `${without.length} of its events, recorded before ${before}, have no position`,
    ),
  ];
}

/**
 * `whole`, without the members that `part` lacks, at any depth. An older version of this code may
 * have handed over a state without the newer members.
 */
function reducedTo(whole: unknown, part: unknown): unknown {
  if (Array.isArray(whole) && Array.isArray(part))
    return whole.map((one, index) => reducedTo(one, part[index]));
  if (!isObject(whole) || !isObject(part)) return whole;
  const shared = Object.entries(whole).filter(([name]) => name in part);
  return Object.fromEntries(shared.map(([name, value]) => [name, reducedTo(value, part[name])]));
}

/** The names of the members that differ; empty if none. */
function differing(one: object, other: object): string {
  const [these, those] = [asStored(one), asStored(other)];
  return [...new Set([...Object.keys(these), ...Object.keys(those)])]
    .filter((name) => !isDeepStrictEqual(these[name], those[name]))
    .join(', ');
}

export function differs(where: Discrepancy['where'], version: number | undefined, detail: string): Finding {
  return { where, kind: 'differs', detail, ...(version !== undefined && { version }) };
}

function behind(where: Discrepancy['where'], version: number | undefined, detail: string): Finding {
  return { where, kind: 'behind', detail, ...(version !== undefined && { version }) };
}
