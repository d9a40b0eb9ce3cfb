import { contiguous, fold } from '../journal/fold.js';
import type { Draft, Envelope, State, StoredEvent } from '../entity.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import type { HistoryLog } from '../history/history.js';
import { isSameEvent } from '../journal/same-event.js';

/** What is known about an entity. `viewed`, `journal` and `history` must be read in this order. */
export interface KnownLog<S extends State, D extends Draft> {
  /** version of its view; 0 if there is none */
  readonly viewed: number;
  /** ascending; there may be gaps */
  readonly journal: readonly StoredEvent[];
  /** absent if Temporal keeps none */
  readonly history?: HistoryLog<S, D>;
  /** versions of the history's events whose step has completed */
  readonly recorded: ReadonlySet<number>;
  /** the workflow has halted because of a fork */
  readonly isHalted: boolean;
  /**
   * this resumption has already terminated the workflow, so a new run is needed even if the entity
   * is finished
   */
  readonly isReplaced?: boolean;
}

/** What to do with an entity. */
export type Plan<S> =
  | { readonly kind: 'unknown' }
  /** a run is loading the entity's log from the journal right now */
  | { readonly kind: 'resuming' }
  /** the workflow is running and agrees with the journal */
  | ({ readonly kind: 'running' } & Repairs)
  /** the entity and its workflow are finished */
  | ({ readonly kind: 'ended' } & Repairs)
  /** the workflow ended before it decided anything */
  | { readonly kind: 'restart' }
  /** `state`: the state with which the new run starts */
  | ({ readonly kind: 'resume'; readonly state: S } & Repairs)
  /** journal and history hold different recorded events under one version */
  | { readonly kind: 'contradiction'; readonly journal: StoredEvent; readonly history: StoredEvent }
  /** events are missing in both journal and history */
  | { readonly kind: 'incomplete'; readonly detail: string };

export interface Repairs {
  /** events of the history that the journal lacks */
  readonly record: readonly StoredEvent[];
  /** events of the journal after a gap; no effect that they made owed was performed */
  readonly setAside: readonly StoredEvent[];
}

/**
 * Compares an entity's journal with its history. The journal up to its first gap is what the
 * outside world has seen, because effects are performed only after the journal holds the events
 * that made them owed. So the journal wins over a history that is shorter, or that differs in
 * events that were never recorded. A history that agrees and is longer wins over the journal.
 */
export function planResumption<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { viewed, journal, history, recorded, isHalted, isReplaced = false }: KnownLog<S, D>,
): Plan<S> {
  const seen = contiguous(journal);
  const beyond = journal.slice(seen.length);
  if (history === undefined) {
    if (journal.length === 0) return { kind: 'unknown' };
    return fromJournal(log, seen, beyond, { viewed, needsRun: false });
  }
  if (history.isResuming && history.isOpen) return { kind: 'resuming' };
  const decided = history.isForecast ? [] : history.events;
  if (decided.length === 0 && journal.length === 0 && history.base === undefined)
    return history.isOpen ? { kind: 'running', record: [], setAside: [] } : { kind: 'restart' };

  const inHistory = new Map<number, StoredEvent>(decided.map((event) => [event.version, event]));
  const differing = journal.flatMap((event) => {
    const other = inHistory.get(event.version);
    return other === undefined || isSameEvent(log, event, other) ? [] : [{ journal: event, history: other }];
  });
  const contradiction = differing.find(({ history: { version } }) => recorded.has(version));
  if (contradiction !== undefined) return { kind: 'contradiction', ...contradiction };

  const differsAt = differing[0]?.journal.version ?? Infinity;
  const lastInHistory = (history.isForecast ? 0 : history.firstVersion - 1) + decided.length;
  if (lastInHistory < seen.length || differsAt <= seen.length)
    return fromJournal(log, seen, beyond, { viewed, needsRun: history.isOpen || isReplaced });
  return fromBoth(log, seen, beyond, { history, decided, isHalted });
}

/**
 * The plan if the history agrees with the journal and is at least as long.
 *
 * @param seen the events of the journal up to its first gap
 * @param beyond the events of the journal after that gap
 */
function fromBoth<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  seen: readonly StoredEvent[],
  beyond: readonly StoredEvent[],
  {
    history,
    decided,
    isHalted,
  }: Pick<KnownLog<S, D>, 'isHalted'> & {
    readonly history: HistoryLog<S, D>;
    readonly decided: readonly (D & Envelope)[];
  },
): Plan<S> {
  const inHistory = new Map(decided.map((event) => [event.version, event]));
  const setAside = beyond.filter((event) => {
    const other = inHistory.get(event.version);
    return other === undefined || !isSameEvent(log, event, other);
  });
  const recordedVersions = new Set(
    [...seen, ...beyond.filter((event) => !setAside.includes(event))].map(({ version }) => version),
  );
  const record = decided.filter(({ version }) => !recordedVersions.has(version));
  if (history.isOpen && !isHalted) return { kind: 'running', record, setAside };
  const all = [...seen, ...decided.filter(({ version }) => version > seen.length)];
  if (contiguous(all).length < all.length || all.length === 0) {
    const detail = `versions 1 to ${history.firstVersion - 1} are no longer in any history, and the journal lacks some of them`;
    return { kind: 'incomplete', detail };
  }
  const state = folded(log, all);
  return !history.isOpen && log.entity.isFinished(state)
    ? { kind: 'ended', record, setAside }
    : { kind: 'resume', state, record, setAside };
}

/** @param needsRun a new run is needed even if the entity is finished */
function fromJournal<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  seen: readonly StoredEvent[],
  beyond: readonly StoredEvent[],
  { viewed, needsRun }: Pick<KnownLog<S, D>, 'viewed'> & { readonly needsRun: boolean },
): Plan<S> {
  if (seen.length === 0 || viewed > seen.length) {
    const missing = seen.length + 1;
    return {
      kind: 'incomplete',
      detail: `version ${missing} is missing in the journal and in the history`,
    };
  }
  const state = folded(log, seen);
  return log.entity.isFinished(state) && !needsRun
    ? { kind: 'ended', record: [], setAside: beyond }
    : { kind: 'resume', state, record: [], setAside: beyond };
}

function folded<S extends State, D extends Draft>(log: EntityLog<S, D>, events: readonly StoredEvent[]): S {
  const state = fold(
    log,
    events.map((event) => log.entity.upcast(event)),
  );
  if (state === undefined) throw new TypeError(`A log without events leads to no ${log.entity.name}.`);
  return state;
}
