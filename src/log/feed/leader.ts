import { type Db, type Document, MongoServerError, type UpdateFilter } from 'mongodb';
import { ChangeStreamEnded } from '../../mongodb/change-stream.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import { eventId } from '../event-id.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { journal } from '../journal/journal.js';
import { Fenced } from '../leases/fencing.js';
import { DueEvents, LeaderOutdated } from './due-events.js';
import { beginGeneration, type FeedState, feedState, firstGeneration, Generations } from './generations.js';
import type { JournalChange } from './journal-changes.js';
import { lostPositions } from './lost-positions.js';
import type { LocalPublisher } from './tail.js';

const CHECKPOINT_MS = 250;
const CONVERSION_FAILURE = 241;

export interface LeaderDeps {
  readonly db: Db;
  /** called with all positions that were given, and their generation */
  readonly onPositions?: LocalPublisher['publish'] | undefined;
}

/** Takes over as the leader: an earlier one is refused from now on. */
export async function becomeLeader(log: AnyLog, deps: LeaderDeps): Promise<Leader> {
  const { db } = deps;
  const first = { position: 0, generations: [firstGeneration] };
  const state = await feedState(db).findOneAndUpdate(
    { _id: log.feedId },
    { $inc: { epoch: 1 }, $setOnInsert: first },
    { upsert: true, returnDocument: 'after', ...durable },
  );
  if (state === null) throw new Error('The state of the feed cannot be read.');
  const last = await journal(log, db).findOne(
    { position: { $gt: 0 } },
    { ...committed, projection: { position: 1 }, sort: { position: -1 } },
  );
  if (last !== null || state.position === 0)
    return new Leader(log, deps, state, Math.max(state.position, last?.position ?? 0));
  // The journal has lost every position: the next generation begins at position 1.
  const begun = await beginGeneration(log, db, { commonUntil: 0, lost: 0, position: 0 }, state.epoch);
  if (begun === undefined) throw fenced(state.epoch);
  return new Leader(log, deps, begun, 0);
}

/** The process that gives the positions, until another one takes over. */
export class Leader {
  readonly resumeToken: unknown;
  /** the last position given */
  position: number;
  private readonly log: AnyLog;
  private readonly deps: LeaderDeps;
  private epoch: number;
  private generations: Generations;
  private savedAt = 0;
  /** the position in the stored feed state; see `saveCheckpoint` */
  private checkpoint: number;
  private readonly dueEvents: DueEvents;

  constructor(log: AnyLog, deps: LeaderDeps, state: FeedState, position: number) {
    this.log = log;
    this.deps = deps;
    this.epoch = state.epoch;
    this.generations = new Generations(state);
    // An earlier version of the code wrote no generations, and did not check for loss. Without a
    // token, this leader starts by reading the journal.
    this.resumeToken = state.generations === undefined ? undefined : state.resumeToken;
    this.checkpoint = state.position;
    this.position = position;
    this.dueEvents = new DueEvents(log, deps.db);
  }

  get generation(): number {
    return this.generations.current.generation;
  }

  /** Gives positions to the inserted events, and to those that were waiting for them. */
  async givePositions(inserts: readonly JournalChange[]): Promise<void> {
    const { log } = this;
    const { db, onPositions } = this.deps;
    const due = await this.dueEvents.add(inserts, this.position);
    if (due.length === 0) return;
    const events = new Map(inserts.map((insert) => [eventId(insert), insert.event]));
    const given = due.map((event, index) => {
      const id = eventId(event);
      const { orderId } = event;
      return { id, orderId, position: this.position + index + 1, event: events.get(id) };
    });
    await journal(log, db).bulkWrite(
      given.map(({ id, position }) => ({
        // The upsert makes the update fail if the event does not exist.
        updateOne: { filter: { _id: id }, update: positionUpdate(position), upsert: true },
      })),
      { ordered: true, ...durable },
    );
    this.position += due.length;
    onPositions?.(given, this.generation);
  }

  /**
   * Stores the checkpoint from which the next leader continues, at most every `CHECKPOINT_MS`, and
   * only if positions were given since the last checkpoint. Every event inserted before
   * `resumeToken` has its position, or waits for an earlier version. Without a token, only the
   * position is stored.
   */
  async saveCheckpoint(resumeToken?: unknown): Promise<void> {
    const { position } = this;
    if (position === this.checkpoint || Date.now() - this.savedAt < CHECKPOINT_MS) return;
    await this.update({ $set: { position, ...(resumeToken !== undefined && { resumeToken }) } });
    [this.checkpoint, this.savedAt] = [position, Date.now()];
  }

  /**
   * Writes with majority concern. Once this write is acknowledged, a majority has every earlier
   * write as well. So the reads that follow see all that was written before the stream opened.
   */
  async markStart(): Promise<void> {
    await this.update({ $currentDate: { begunAt: true } });
  }

  /**
   * Begins the next generation if events were lost since this one began. Events that are restored
   * get new positions, so readers go back to before the first lost event. The change stream must be
   * open already: it reports later losses.
   */
  async checkForLoss(heartbeat: (position: number) => void): Promise<void> {
    const { log } = this;
    const { db } = this.deps;
    const { count, first } = await lostPositions(log, db, this.position, () => heartbeat(this.position));
    const { all, current } = this.generations;
    if (first === undefined || count <= current.lost) {
      const generations = [...all.slice(0, -1), { ...current, lost: count }];
      return await this.update({ $set: { generations }, $unset: { begunAnew: '' } });
    }
    const begun = await beginGeneration(log, db, { commonUntil: first - 1, lost: count }, this.epoch);
    if (begun === undefined) throw fenced(this.epoch);
    this.epoch = begun.epoch;
    this.generations = new Generations(begun);
  }

  /**
   * Restarts from the journal. A position is not given twice, even if its event is lost. Positions
   * start at 1 again only if the journal has lost all of them.
   *
   * @returns the leader that continues
   * @throws Fenced if another leader has taken over
   */
  async restart(): Promise<Leader> {
    await this.update({
      $inc: { epoch: 1 },
      $max: { position: this.position },
      $unset: { resumeToken: '' },
    });
    return await becomeLeader(this.log, this.deps);
  }

  private async update(change: UpdateFilter<FeedState>): Promise<void> {
    const { log, deps, epoch } = this;
    const { matchedCount } = await feedState(deps.db).updateOne({ _id: log.feedId, epoch }, change, durable);
    if (matchedCount === 0) throw fenced(epoch);
  }
}

/**
 * The update that gives a position to an event that has none yet. For an event that already has
 * one, or does not exist, it fails on purpose: `$toInt` cannot convert an event's id.
 */
function positionUpdate(position: number): Document[] {
  return [
    { $set: { position: { $cond: ['$unsequenced', position, { $toInt: '$_id' }] } } },
    { $unset: 'unsequenced' },
  ];
}

/**
 * True if the leader has to restart: its knowledge is outdated, the change stream has ended, a
 * position is taken, or an event already has a position or is gone.
 */
export function needsRestart(error: unknown): boolean {
  if (error instanceof LeaderOutdated || error instanceof ChangeStreamEnded || isDuplicateKey(error))
    return true;
  return error instanceof MongoServerError && error.code === CONVERSION_FAILURE;
}

function fenced(epoch: number): Fenced {
  return new Fenced(`Epoch ${epoch} of the sequencer is over.`);
}
