import type { Db, UpdateOptions } from 'mongodb';
import { inTransaction } from '../../../mongodb/transaction.js';
import { committed, durable } from '../../../mongodb/durability.js';
import type { PositionedEvent } from '../../feed/feed.js';
import { foldBatch, type FoldedBatch } from './fold-batch.js';
import { EntityBatches } from './entity-batches.js';
import { type ParkedEvent, parkedEvents, toParked } from '../parked-events.js';
import { type Build, viewBuilds } from '../view-builds.js';
import type { Draft, State } from '../../entity.js';
import type { EntityLog } from '../../entity-log/entity-log.js';
import { documents, type View } from '../view.js';

/** The build that is fed, and the epoch of this feeder. */
export type HeldBuild = Build & { readonly epoch: number };

/** Which build of a view is fed: the active one, or the one of a rebuild. */
export type Slot = 'active' | 'rebuilding';

/**
 * Feeds one build of a view. Documents, parked events and the build's checkpoint are written in one
 * transaction, which fails unless the build is still as this feeder knows it. So no event is
 * applied twice or left out, even after a crash.
 */
export class BuildFeeder<S extends State, D extends Draft> {
  private readonly log: EntityLog<S, D>;
  private readonly db: Db;
  private readonly view: View<S, D>;
  private readonly slot: Slot;
  private readonly entities: EntityBatches<S, D>;
  held: HeldBuild;

  constructor(log: EntityLog<S, D>, db: Db, view: View<S, D>, slot: Slot, held: HeldBuild) {
    this.log = log;
    this.db = db;
    this.view = view;
    this.slot = slot;
    this.entities = new EntityBatches(log, db, view);
    this.held = held;
  }

  /**
   * Applies the events that follow the build's position.
   *
   * @param more fields of the build to set as well
   * @returns false if the build is not as this feeder knows it, so that the caller has to read it
   *   again
   */
  async apply(
    events: readonly PositionedEvent[],
    more: Readonly<Record<string, number>> = {},
  ): Promise<boolean> {
    const { collection, position } = this.held;
    const blocked = await this.blocked(events);
    const unblocked = events.filter(({ orderId }) => !blocked.has(orderId));
    const waiting = events.filter(({ orderId }) => blocked.has(orderId));
    const batches = this.entities.of(unblocked, position);
    const folded = await foldBatch(this.log, this.db, this.view, collection, batches);
    const parked = [...folded.parked, ...waiting.map((event) => toParked(this.view.name, collection, event))];
    const next: HeldBuild = {
      ...this.held,
      position: events.at(-1)?.position ?? position,
      parked: this.held.parked + parked.length,
      at: new Date().toISOString(),
    };
    if (!(await this.write(next, more, folded.writes, parked))) return false;
    this.entities.remember(folded.states);
    this.held = next;
    return true;
  }

  /** Moves the checkpoint past positions whose events are lost. Returns false like `apply`. */
  async skipTo(position: number): Promise<boolean> {
    const next: HeldBuild = { ...this.held, position, at: new Date().toISOString() };
    if (!(await this.advance(next, {}, durable))) return false;
    this.held = next;
    return true;
  }

  /** Moves the checkpoint to another generation of the feed. Returns false like `apply`. */
  async enterGeneration(generation: number): Promise<boolean> {
    const next: HeldBuild = { ...this.held, feed: generation };
    if (!(await this.advance(next, { feed: generation }, durable))) return false;
    this.held = next;
    return true;
  }

  /** Continues from the build as it was read. */
  resume(held: HeldBuild): void {
    this.entities.forget();
    this.held = held;
  }

  private async write(
    next: HeldBuild,
    more: Readonly<Record<string, number>>,
    writes: FoldedBatch<S>['writes'],
    parked: readonly ParkedEvent[],
  ): Promise<boolean> {
    // Most events change nothing in a view. Then only its checkpoint is written, without a
    // transaction.
    if (writes.length === 0 && parked.length === 0) return await this.advance(next, more, durable);
    return await inTransaction(this.db, async (session) => {
      if (!(await this.advance(next, more, { session }))) return false;
      if (writes.length > 0)
        await documents(this.db, next.collection).bulkWrite(writes, { session, ordered: false });
      if (parked.length > 0) await parkedEvents(this.db).insertMany([...parked], { session });
      return true;
    });
  }

  private async advance(
    { position, parked, at }: HeldBuild,
    more: Readonly<Record<string, number>>,
    options: UpdateOptions,
  ): Promise<boolean> {
    const prefix = this.slot === 'active' ? '' : 'rebuilding.';
    const prefixed = (fields: object) =>
      Object.fromEntries(Object.entries(fields).map(([name, value]) => [prefix + name, value]));
    const { epoch, collection } = this.held;
    const known = { epoch, collection, position: this.held.position, parked: this.held.parked };
    const { matchedCount } = await viewBuilds(this.db).updateOne(
      { _id: this.view.name, ...prefixed(known) },
      { $set: prefixed({ position, parked, at, ...more }) },
      options,
    );
    return matchedCount === 1;
  }

  /** Ids of the entities that have a parked event, for which their later events wait. */
  private async blocked(events: readonly PositionedEvent[]): Promise<ReadonlySet<string>> {
    const { collection, parked } = this.held;
    if (parked === 0) return new Set();
    const orderIds = [...new Set(events.map(({ orderId }) => orderId))];
    const found = await parkedEvents(this.db).distinct(
      'orderId',
      { collection, orderId: { $in: orderIds } },
      committed,
    );
    return new Set(found);
  }
}
