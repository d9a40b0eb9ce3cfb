import type { Db } from 'mongodb';
import { type Draft, NewerEvent, type State, type StoredEvent } from '../../entity.js';
import type { PositionedEvent } from '../../feed/feed.js';
import { committed } from '../../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../../journal/entity-log.js';
import { journal } from '../../journal/journal.js';
import { readJournalsBefore } from '../../journal/read-journal.js';
import { truncationPoints } from '../../journal/truncated-log.js';
import { RecentStates } from '../../journal/recent-states.js';
import type { View } from '../view.js';

const rememberedStates = 5_000;
const onlyPlace = { _id: 0, orderId: 1, version: 1, position: 1 } as const;

/**
 * Earlier events of an entity are lost for good, so no view can compute what a later event changes.
 */
export class LostPast extends Error {
  override readonly name = 'LostPast';
}

/** An entity after an event, and its document in a view that is keyed by entity. */
export interface Folded<S extends State> {
  readonly orderId: string;
  readonly version: number;
  readonly state: S;
  readonly document?: object | undefined;
}

/**
 * The states from which a batch of events is folded.
 *
 * An example: version 2 of an order was lost, and restored after version 3 had been applied, so the
 * feed has versions 1, 3, 2, 4. When 2 comes, the order is not in memory at version 1: its state is
 * folded from the journal again (`refolded`). Its document has version 3 already, so 2 writes
 * nothing (`overtaken`). The state after 2 is behind the document, so it is not kept in memory
 * (`stale` in `foldBatch`). When 4 comes, the order is folded from the journal once more.
 */
export interface BatchStart<S extends State> {
  /**
   * By id, each entity of the batch as it was before the batch. Undefined if its version 1 is in
   * the batch. An error if the log has a gap or cannot be folded; a `LostPast` if the gap will
   * never be filled.
   */
  readonly states: ReadonlyMap<string, Folded<S> | Error | undefined>;
  /**
   * Positions of events that come after a later version of their entity in the feed. An entity's
   * document has them already, because it is folded from the journal. Empty for a view that is not
   * keyed by entity.
   */
  readonly overtaken: ReadonlySet<number>;
  /**
   * Entities whose state was folded from the journal. Such a state may have events that come later
   * in the feed, so the collection may hold another document.
   */
  readonly refolded: ReadonlySet<string>;
}

/**
 * Finds the state of each entity before its next events: in memory, otherwise by folding the
 * journal.
 */
export class EntityStates<S extends State, D extends Draft> {
  private readonly log: EntityLog<S, D>;
  private readonly db: Db;
  private readonly view: View<S, D>;
  private readonly recent = new RecentStates<Folded<S>>(rememberedStates);

  constructor(log: EntityLog<S, D>, db: Db, view: View<S, D>) {
    this.log = log;
    this.db = db;
    this.view = view;
  }

  /**
   * @param events the versions of each entity are consecutive (`consecutive`)
   * @param parked positions of events that no document has yet, so they have overtaken none
   * @throws NewerEvent
   */
  async before(
    events: readonly PositionedEvent[],
    parked: ReadonlySet<number> = new Set(),
  ): Promise<BatchStart<S>> {
    const states = new Map<string, Folded<S> | Error | undefined>();
    const missing = new Map<string, number>();
    const inMemory = new Set<string>();
    for (const { orderId, version } of events) {
      if (states.has(orderId)) continue;
      const known = this.recent.get(orderId);
      const isNext = known?.version === version - 1;
      states.set(orderId, isNext ? known : undefined);
      if (isNext) inMemory.add(orderId);
      else if (version > 1) missing.set(orderId, version);
    }
    for await (const event of readJournalsBefore(this.log, this.db, missing)) {
      const before = states.get(event.orderId);
      if (!(before instanceof Error)) states.set(event.orderId, refold(this.log, this.view, before, event));
    }
    for (const [orderId, version] of missing) {
      const state = states.get(orderId);
      if (!(state instanceof Error) && state?.version !== version - 1)
        states.set(orderId, lacking(this.log, orderId, (state?.version ?? 0) + 1));
    }
    const broken = [...missing.keys()].filter((orderId) => states.get(orderId) instanceof Error);
    for (const [orderId, version] of await truncationPoints(this.log, this.db, broken)) {
      if (version <= (missing.get(orderId) ?? 0)) states.set(orderId, new LostPast(orderId));
    }
    const notInMemory = events.filter(({ orderId }) => !inMemory.has(orderId));
    const overtaken = await this.overtaken(notInMemory, parked);
    return { states, overtaken, refolded: new Set(missing.keys()) };
  }

  /**
   * @param events the events of entities that are not in memory. An entity in memory has its
   *   highest version in the feed so far, so no later event has overtaken its next one.
   */
  private async overtaken(
    events: readonly PositionedEvent[],
    parked: ReadonlySet<number>,
  ): Promise<ReadonlySet<number>> {
    if (this.view.keyedBy === undefined || events.length === 0) return new Set();
    const found = await journal(this.log, this.db)
      .find(
        {
          orderId: { $in: [...new Set(events.map(({ orderId }) => orderId))] },
          version: { $gt: Math.min(...events.map(({ version }) => version)) },
          position: { $lt: Math.max(...events.map(({ position }) => position)) },
        },
        committed,
      )
      .project<Pick<PositionedEvent, 'orderId' | 'version' | 'position'>>(onlyPlace)
      .toArray();
    const byId = new Map<string, typeof found>();
    for (const one of found)
      if (!parked.has(one.position)) byId.set(one.orderId, [...(byId.get(one.orderId) ?? []), one]);
    const isOvertaken = ({ orderId, version, position }: PositionedEvent): boolean =>
      byId.get(orderId)?.some((one) => one.version > version && one.position < position) ?? false;
    return new Set(events.filter(isOvertaken).map(({ position }) => position));
  }

  remember(states: Iterable<Folded<S>>): void {
    for (const state of states) this.recent.keep(state);
  }

  forget(): void {
    this.recent.clear();
  }
}

/**
 * Splits events into parts in which the versions of each entity are consecutive. A lost event that
 * was restored after later ones starts a new part: the entity's state before it is read from the
 * journal.
 */
export function* consecutive<E extends Pick<StoredEvent, 'orderId' | 'version'>>(
  events: readonly E[],
): Generator<readonly E[], void> {
  const last = new Map<string, number>();
  let from = 0;
  for (const [index, { orderId, version }] of events.entries()) {
    if ((last.get(orderId) ?? version - 1) !== version - 1) {
      yield events.slice(from, index);
      from = index;
      last.clear();
    }
    last.set(orderId, version);
  }
  if (from < events.length) yield events.slice(from);
}

/** The journal lacks an entity's next event. */
export class Gap extends Error {
  override readonly name = 'Gap';
}

/**
 * The entity after an event; an error if it cannot be computed.
 *
 * @throws NewerEvent if a newer version of the code wrote the event: a worker of that version
 *   continues
 */
export function stateAfter<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  before: S | undefined,
  event: StoredEvent,
): S | Error {
  const version = (before?.version ?? 0) + 1;
  if (event.version !== version) return lacking(log, event.orderId, version);
  try {
    return log.entity.evolve(before, log.entity.upcast(event));
  } catch (error) {
    if (error instanceof NewerEvent) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * The state after an event that the view has applied: if its fold throws, the event was skipped.
 */
function refold<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: View<S, D>,
  before: Folded<S> | undefined,
  event: StoredEvent,
): Folded<S> | Error {
  const state = stateAfter(log, before?.state, event);
  if (state instanceof Error) return state;
  const { orderId, version } = state;
  try {
    return { orderId, version, state, document: documentAfter(log, view, before, event, state) };
  } catch {
    return { orderId, version, state, document: before?.document };
  }
}

/** An entity's document after an event; undefined in a view that is not keyed by entity. */
export function documentAfter<S extends State, D extends Draft>(
  { entity }: EntityLog<S, D>,
  view: View<S, D>,
  before: Folded<S> | undefined,
  event: StoredEvent,
  state: S,
): object | undefined {
  return view.keyedBy === undefined ? undefined : view.fold(before?.document, entity.upcast(event), state);
}

/** The error about an event that the journal lacks. */
export function lacking({ entity }: Pick<AnyLog, 'entity'>, id: string, version: number): Gap {
  return new Gap(`The journal of ${entity.name} ${id} lacks version ${version}.`);
}
