import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { journal } from '../journal/journal.js';
import type { JournalChange } from './journal-changes.js';

const MAX_REMEMBERED = 50_000;

/** The leader's knowledge of the journal is outdated, so the leader restarts from the journal. */
export class LeaderOutdated extends Error {
  override readonly name = 'LeaderOutdated';
}

/** An event of any entity: `orderId` is the entity's id, under its persisted name. */
export type DueEvent = Pick<JournalChange, 'orderId' | 'version'>;

/** What a leader knows about one entity's log. */
interface KnownEntity {
  /** the last version that has a position; if none has, the version before the log begins */
  last: number;
  /** versions without a position */
  readonly waiting: Set<number>;
  /** true if not every version up to `last` has a position; missing ones may be restored */
  readonly hasGaps: boolean;
}

/**
 * Finds the events whose turn it is to get a position: an event waits until the version before it
 * is recorded, unless that version is lost for good.
 */
export class DueEvents {
  private readonly log: AnyLog;
  private readonly db: Db;
  private readonly known = new Map<string, KnownEntity>();

  constructor(log: AnyLog, db: Db) {
    this.log = log;
    this.db = db;
  }

  /**
   * Takes in inserted events. Returns the events that are due now: inserted ones, and events that
   * were inserted before and waited for them. They follow the sequence of the inserts. Within an
   * entity they are in the order of versions, except for events that are restored late.
   *
   * @param lastPosition the last position that the leader has given
   * @throws LeaderOutdated
   */
  async add(inserts: readonly JournalChange[], lastPosition: number): Promise<readonly DueEvent[]> {
    await this.loadUnknown(inserts, lastPosition);
    const due: DueEvent[] = [];
    for (const { orderId, version, unsequenced } of inserts) {
      const entity = this.known.get(orderId) ?? { last: 0, waiting: new Set(), hasGaps: false };
      this.known.set(orderId, entity);
      // An event that is inserted by hand may have a position already. A change that only sets
      // `begins` has version 0, so it changes nothing here.
      if (!unsequenced) entity.last = Math.max(entity.last, version);
      else if (version > entity.last) entity.waiting.add(version);
      for (const next of takeDue(entity)) due.push({ orderId, version: next });
    }
    return due;
  }

  /**
   * Loads the entities of these events from the journal, unless they are known. A known entity is
   * loaded again if `begins` was set, or if it has gaps and the event may fill one. The stream also
   * repeats events that already got their positions when the leader caught up. Only the journal
   * distinguishes them from events that were restored late.
   *
   * @throws LeaderOutdated if another leader has given an event of these entities a position after
   *   `lastPosition`; the readers of this process would miss that event
   */
  private async loadUnknown(inserts: readonly JournalChange[], lastPosition: number): Promise<void> {
    if (this.known.size > MAX_REMEMBERED) this.known.clear();
    const isKnown = ({ orderId, version, begins }: JournalChange): boolean => {
      const entity = this.known.get(orderId);
      return entity !== undefined && !begins && !(entity.hasGaps && version < entity.last);
    };
    const unknown = new Set(inserts.filter((insert) => !isKnown(insert)).map(({ orderId }) => orderId));
    if (unknown.size === 0) return;
    for (const { _id, last, greatestPosition, positions, waiting } of await this.load([...unknown])) {
      if ((greatestPosition ?? 0) > lastPosition)
        throw new LeaderOutdated('Another leader has given a later position.');
      this.known.set(_id, { last: last ?? 0, waiting: new Set(waiting), hasGaps: positions < (last ?? 0) });
    }
  }

  private async load(orderIds: readonly string[]): Promise<readonly EntityInJournal[]> {
    return await journal(this.log, this.db)
      .aggregate<EntityInJournal>(
        [
          { $match: { orderId: { $in: orderIds } } },
          {
            $group: {
              _id: '$orderId',
              last: { $max: { $cond: [{ $gt: ['$position', 0] }, '$version', lastLostVersion] } },
              greatestPosition: { $max: '$position' },
              positions: { $sum: { $cond: [{ $gt: ['$position', 0] }, 1, 0] } },
              waiting: { $push: { $cond: ['$unsequenced', '$version', '$$REMOVE'] } },
            },
          },
        ],
        committed,
      )
      .toArray();
  }
}

interface EntityInJournal {
  /** the entity's id */
  readonly _id: string;
  /** as in `KnownEntity` */
  readonly last: number | null;
  readonly greatestPosition: number | null;
  /** number of events that have a position */
  readonly positions: number;
  /** versions without a position */
  readonly waiting: readonly number[];
}

/** The last version that is lost for good, if the event begins a truncated log. */
const lastLostVersion = { $cond: ['$begins', { $subtract: ['$version', 1] }, null] };

/**
 * Takes the versions that are due: first the restored ones before `last`, which do not wait; then
 * the next ones in order.
 */
function* takeDue(entity: KnownEntity): Generator<number, void> {
  for (const version of entity.waiting) {
    if (version < entity.last && entity.waiting.delete(version)) yield version;
  }
  while (entity.waiting.delete(entity.last + 1)) {
    entity.last += 1;
    yield entity.last;
  }
}
