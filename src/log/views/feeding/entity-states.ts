import type { Db } from 'mongodb';
import type { Draft, State } from '../../entity.js';
import type { PositionedEvent } from '../../feed/feed.js';
import { committed } from '../../../mongodb/durability.js';
import type { EntityLog } from '../../journal/entity-log.js';
import { journal } from '../../journal/journal.js';
import { readJournalsBefore } from '../../journal/read-journal.js';
import { truncationPoints } from '../../journal/truncated-log.js';
import { RecentStates } from '../../journal/recent-states.js';
import type { View } from '../view.js';
import { type Folded, lacking, LostPast, refold } from './folding.js';

const MAX_REMEMBERED = 5_000;
const onlyPlace = { _id: 0, orderId: 1, version: 1, position: 1 } as const;

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
   * By id, each entity of the batch as it was before the batch. The value is undefined if the
   * entity's version 1 is in the batch. It is an error if the log has a gap or cannot be folded,
   * and a `LostPast` if the gap will never be filled.
   */
  readonly states: ReadonlyMap<string, Folded<S> | Error | undefined>;
  /**
   * Positions of events that come after a later version of their entity in the feed. An entity's
   * document has them already, because it is folded from the journal. The set is empty for a view
   * that is not keyed by entity.
   */
  readonly overtaken: ReadonlySet<number>;
  /**
   * Entities whose state was folded from the journal. Such a state may have events that come later
   * in the feed, so the collection may hold another document.
   */
  readonly refolded: ReadonlySet<string>;
}

/** Finds the state of each entity before its next events, in memory or by folding the journal. */
export class EntityStates<S extends State, D extends Draft> {
  private readonly log: EntityLog<S, D>;
  private readonly db: Db;
  private readonly view: View<S, D>;
  private readonly recent = new RecentStates<Folded<S>>(MAX_REMEMBERED);

  constructor(log: EntityLog<S, D>, db: Db, view: View<S, D>) {
    this.log = log;
    this.db = db;
    this.view = view;
  }

  /**
   * @param events the versions of each entity are consecutive (`consecutive`)
   * @param parked positions of parked events. No document has them yet, so they have overtaken no
   *   event.
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
