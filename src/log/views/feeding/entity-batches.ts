import type { Db } from 'mongodb';
import type { Draft, State } from '../../entity.js';
import type { PositionedEvent } from '../../feed/feed.js';
import type { EntityLog } from '../../entity-log/entity-log.js';
import type { StoredRecordedEvent } from '../../journal/journal.js';
import { streamStoredLogs } from '../../journal/read-journal.js';
import { RecentStates } from '../../journal/recent-states.js';
import type { View } from '../view.js';
import type { EntityBatch, Folded } from './fold-entity.js';

const MAX_REMEMBERED = 5_000;

type Events = readonly PositionedEvent[];

/**
 * Splits a batch of events by entity. An entity continues from its state in memory if its events
 * follow that state without a gap. Otherwise it is folded from version 1 on, with other events from
 * the journal: all earlier versions and, if the view is keyed by entity, also later versions that
 * its document has already.
 *
 * An example: versions 1, 2 and 3 of an order were in the feed. Version 2 was lost, and restored
 * with a later position. So a rebuild reads 1, 3, 2, 4. With 3, it takes 2 from the journal. When 2
 * comes, the document of a view keyed by entity is folded again, from 1, 2 and 3. When 4 comes, the
 * order is in memory at version 3 and continues.
 */
export class EntityBatches<S extends State, D extends Draft> {
  private readonly log: EntityLog<S, D>;
  private readonly db: Db;
  private readonly view: View<S, D>;
  private readonly recent = new RecentStates<Folded<S>>(MAX_REMEMBERED);

  constructor(log: EntityLog<S, D>, db: Db, view: View<S, D>) {
    this.log = log;
    this.db = db;
    this.view = view;
  }

  /** @param applied the view has applied the entities' events up to this position */
  async *of(events: Events, applied: number): AsyncGenerator<EntityBatch<S>, void> {
    const toRead = new Map<string, Events>();
    for (const [orderId, own] of byEntity(events)) {
      const before = this.recent.get(orderId);
      if (before !== undefined && lastAfterGap(own, before.version) === undefined)
        yield { orderId, events: own, before, fromJournal: [] };
      else toRead.set(orderId, own);
    }
    for await (const { orderId, fromJournal } of this.readJournal(toRead, applied)) {
      yield { orderId, events: toRead.get(orderId) ?? [], before: undefined, fromJournal };
      toRead.delete(orderId);
    }
    for (const [orderId, own] of toRead) yield { orderId, events: own, before: undefined, fromJournal: [] };
  }

  /** Reads with one query for all entities. May leave out an entity that needs no other events. */
  private async *readJournal(batches: ReadonlyMap<string, Events>, applied: number) {
    const isKeyed = this.view.keyedBy !== undefined;
    const below = new Map([...batches].map(([id, own]) => [id, lastAfterGap(own, 0)?.version ?? 0]));
    const orderIds = [...below].flatMap(([id, version]) => (isKeyed || version > 0 ? [id] : []));
    if (orderIds.length === 0) return;
    const earlier = { version: { $lt: Math.max(...below.values()) } };
    const found = streamStoredLogs(this.log, this.db, {
      orderId: { $in: orderIds },
      $or: isKeyed ? [earlier, { position: { $lte: applied } }] : [earlier],
    });
    for await (const [orderId, events] of found) {
      const own = new Set(batches.get(orderId)?.map(({ version }) => version));
      const isNeeded = ({ version, position = Infinity }: StoredRecordedEvent): boolean =>
        !own.has(version) && (version < (below.get(orderId) ?? 0) || (isKeyed && position <= applied));
      yield { orderId, fromJournal: events.filter(isNeeded) };
    }
  }

  remember(states: Iterable<Folded<S>>): void {
    for (const state of states) this.recent.keep(state);
  }

  forget(): void {
    this.recent.clear();
  }
}

/** The events of each entity, by version. */
function byEntity(events: Events): ReadonlyMap<string, Events> {
  const batches = new Map<string, PositionedEvent[]>();
  for (const event of events.toSorted((one, other) => one.version - other.version)) {
    const own = batches.get(event.orderId);
    if (own === undefined) batches.set(event.orderId, [event]);
    else own.push(event);
  }
  return batches;
}

/**
 * The last of an entity's events that comes after a gap: its version is not the next after that of
 * the event before. The first event is compared with `version`. Undefined if there is no gap.
 */
function lastAfterGap(events: Events, version: number): PositionedEvent | undefined {
  return events.findLast((event, index) => event.version !== (events[index - 1]?.version ?? version) + 1);
}
