import { type Db, type Document, MongoServerError, type UpdateFilter } from 'mongodb';
import { ChangeStreamEnded } from '../../mongodb/change-stream.js';
import {
  type JournalDelete,
  type JournalInsert,
  areNoDeletes,
  isLostToken,
  openJournalInserts,
} from './journal-changes.js';
import { committed, durable, isDuplicateKey } from '../../mongodb/durability.js';
import { Fenced } from './fencing.js';
import type { LocalPublisher } from './tail.js';
import { beginGeneration, type FeedState, feedState, firstGeneration, Generations } from './generations.js';
import { lostPositions } from './lost-positions.js';
import { eventId } from '../entity.js';
import type { AnyLog } from '../journal/entity-log.js';
import { journal } from '../journal/journal.js';

/** What this leader knows of the journal is wrong: it has to restart from the journal. */
class LeaderOutdated extends Error {
  override readonly name = 'LeaderOutdated';
}

export interface Sequencing {
  readonly log: AnyLog;
  readonly db: Db;
  /** aborted when this leader has to stop */
  readonly signal: AbortSignal;
  /** called at least every `waitMs` while all is well */
  readonly heartbeat: (position: number) => void;
  /** called with all positions that were given, and their generation */
  readonly onPositions?: LocalPublisher['publish'] | undefined;
  /** called when it leads and has caught up, with its last position and the generation */
  readonly onLead?: LocalPublisher['lead'] | undefined;
}

/** How long to wait for changes. Less than the idle time after which the driver closes a socket. */
const waitMs = 2_000;
const checkpointMs = 250;
const CONVERSION_FAILURE = 241;
const backlogBatch = 500;
const rememberedEntities = 50_000;

/**
 * Gives each event of the journal its position in the feed: 1, 2, 3 … without gaps, in the order of
 * commits, and within an entity in the order of versions. An event waits until the version before
 * it is recorded, unless that one is lost for good. A lost event that is restored after later ones
 * of its entity does not wait.
 *
 * The contract of the feed rests on three rules:
 *
 * - One event per position. A leader stamps events one by one in one ordered bulk write, starting
 *   after the last position that it gave, or found when it started. If the position is taken, or
 *   the event already has one, the write stops there, and the leader restarts or ends. So two
 *   leaders produce neither a duplicate nor a gap.
 * - After commit. An event is stamped only after a majority has it.
 * - Nothing is skipped. A resume token is stored only after everything before it is stamped. If the
 *   server no longer knows the token, a new stream is opened before the journal is searched for
 *   events without a position.
 *
 * If events were lost that had positions, the next generation of the feed begins: see
 * `checkForLoss`.
 *
 * Runs until aborted.
 *
 * @throws Fenced, and any error of MongoDB. Another call continues from the stored checkpoint.
 */
export async function sequence(sequencing: Sequencing): Promise<void> {
  let leader = await becomeLeader(sequencing);
  for (;;) {
    try {
      return await lead(leader, sequencing);
    } catch (error) {
      if (!needsRestart(error)) throw error;
      if (sequencing.signal.aborted) return;
      // Another leader stamped at the same time, or someone changed the journal by hand.
      leader = await leader.restarted();
    }
  }
}

async function lead(leader: Leader, { log, db, signal, heartbeat, onLead }: Sequencing): Promise<void> {
  const { stream, resumed } = await open(log, db, leader.resumeToken);
  try {
    if (!resumed) {
      await leader.markStart();
      await leader.checkForLoss(heartbeat);
      await stampBacklog(leader, signal, heartbeat);
    }
    onLead?.(leader.position, leader.generation);
    let { changes, resumeToken } = stream;
    let saving = Promise.resolve();
    while (!signal.aborted) {
      await leader.stamp(insertsOf(changes));
      heartbeat(leader.position);
      await saving;
      // Stored while the next changes arrive and are stamped, so it adds no latency.
      saving = leader.saveCheckpoint(resumeToken);
      saving.catch(() => undefined);
      ({ changes, resumeToken } = await stream.next(waitMs, signal));
    }
    await saving;
  } finally {
    await stream.close();
  }
}

/** @throws LeaderOutdated if an event was deleted */
function insertsOf(changes: readonly (JournalInsert | JournalDelete)[]): readonly JournalInsert[] {
  if (areNoDeletes<JournalInsert>(changes)) return changes;
  throw new LeaderOutdated('Events were deleted from the journal.');
}

async function open(log: AnyLog, db: Db, resumeToken: unknown) {
  try {
    if (resumeToken !== undefined)
      return { stream: await openJournalInserts(log, db, resumeToken), resumed: true };
  } catch (error) {
    if (!isLostToken(error)) throw error;
  }
  return { stream: await openJournalInserts(log, db), resumed: false };
}

/**
 * Stamps all events without a position, oldest first. Events that are recorded meanwhile are in the
 * stream, which is already open.
 */
async function stampBacklog(leader: Leader, signal: AbortSignal, heartbeat: Sequencing['heartbeat']) {
  const unsequenced = journal(leader.log, leader.db)
    .find({ unsequenced: true }, committed)
    .project<JournalInsert>({ _id: 0, orderId: 1, version: 1, unsequenced: 1 })
    .sort({ recordedAt: 1 })
    .batchSize(backlogBatch);
  let inserts: JournalInsert[] = [];
  for await (const event of unsequenced) {
    inserts.push(event);
    if (inserts.length < backlogBatch) continue;
    await leader.stamp(inserts);
    await leader.saveCheckpoint();
    heartbeat(leader.position);
    inserts = [];
    if (signal.aborted) return;
  }
  await leader.stamp(inserts);
}

/** What a leader works with. */
type LeaderDeps = Pick<Sequencing, 'log' | 'db' | 'onPositions'>;

type Stampable = Pick<JournalInsert, 'orderId' | 'version'>;

/**
 * The update that gives a position to an event that has none yet. For an event that already has
 * one, or does not exist, it fails on purpose: `$toInt` cannot convert an event's id.
 */
function stampOf(position: number): Document[] {
  return [
    { $set: { position: { $cond: ['$unsequenced', position, { $toInt: '$_id' }] } } },
    { $unset: 'unsequenced' },
  ];
}

/** The last version that is lost for good, if the event begins a truncated log. */
const lastLostVersion = { $cond: ['$begins', { $subtract: ['$version', 1] }, null] };

/**
 * True if the leader has to restart: the position is taken, the event already has one, or it is
 * gone.
 */
function needsRestart(error: unknown): boolean {
  if (error instanceof LeaderOutdated || error instanceof ChangeStreamEnded || isDuplicateKey(error))
    return true;
  return error instanceof MongoServerError && error.code === CONVERSION_FAILURE;
}

async function becomeLeader(deps: LeaderDeps): Promise<Leader> {
  const { log, db } = deps;
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
    return new Leader(deps, state, Math.max(state.position, last?.position ?? 0));
  // The journal has lost every position: the next generation begins at position 1.
  const begun = await beginGeneration(log, db, { commonUntil: 0, lost: 0, position: 0 }, state.epoch);
  if (begun === undefined) throw fenced(state.epoch);
  return new Leader(deps, begun, 0);
}

function fenced(epoch: number): Fenced {
  return new Fenced(`Epoch ${epoch} of the sequencer is over.`);
}

/** The leader's state of one entity's log. */
interface KnownEntity {
  /** the last version that has a position; if none has, the version before the log begins */
  last: number;
  /** versions without a position */
  readonly waiting: Set<number>;
  /** earlier versions are missing and may be restored */
  readonly hasGaps: boolean;
}

interface EntityInJournal {
  /** the entity's id */
  readonly _id: string;
  /** as in `KnownEntity` */
  readonly last: number | null;
  /** the greatest position of an event */
  readonly lastPosition: number | null;
  /** how many events have one */
  readonly positions: number;
  /** versions without one */
  readonly waiting: readonly number[];
}

/**
 * Takes the versions that can be stamped now, in order. Restored versions before `last` need not
 * wait.
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

/** The process that gives the positions, until another one takes over. */
class Leader {
  readonly log: AnyLog;
  readonly db: Db;
  readonly onPositions: Sequencing['onPositions'];
  readonly resumeToken: unknown;
  /** the last position given */
  position: number;
  private epoch: number;
  private generations: Generations;
  private savedAt = 0;
  /** the last position stored */
  private checkpoint: number;
  private readonly known = new Map<string, KnownEntity>();

  constructor({ log, db, onPositions }: LeaderDeps, state: FeedState, position: number) {
    this.log = log;
    this.db = db;
    this.onPositions = onPositions;
    this.epoch = state.epoch;
    this.generations = new Generations(state);
    // An earlier version of the code wrote no generations, and did not check for loss.
    this.resumeToken = state.generations === undefined ? undefined : state.resumeToken;
    this.checkpoint = state.position;
    this.position = position;
  }

  get generation(): number {
    return this.generations.current.generation;
  }

  /** Stamps the inserted events, and those that were waiting for them, one after the other. */
  async stamp(inserts: readonly JournalInsert[]): Promise<void> {
    const due = await this.due(inserts);
    if (due.length === 0) return;
    const events = new Map(inserts.map((insert) => [eventId(insert), insert.event]));
    const given = due.map((event, index) => {
      const id = eventId(event);
      const { orderId } = event;
      return { id, orderId, position: this.position + index + 1, event: events.get(id) };
    });
    await journal(this.log, this.db).bulkWrite(
      given.map(({ id, position }) => ({
        // The upsert makes the update fail if the event does not exist.
        updateOne: { filter: { _id: id }, update: stampOf(position), upsert: true },
      })),
      { ordered: true, ...durable },
    );
    this.position += due.length;
    this.onPositions?.(given, this.generation);
  }

  /**
   * Stores the checkpoint from which the next leader continues, at most every `checkpointMs`:
   * everything inserted before `resumeToken` is stamped. Without a token the next leader starts by
   * reading the journal.
   */
  async saveCheckpoint(resumeToken?: unknown): Promise<void> {
    const { position } = this;
    if (position === this.checkpoint || Date.now() - this.savedAt < checkpointMs) return;
    await this.update({ $set: { position, ...(resumeToken !== undefined && { resumeToken }) } });
    [this.checkpoint, this.savedAt] = [position, Date.now()];
  }

  /**
   * A write with majority concern: once it is acknowledged, a majority has every earlier write as
   * well. So the reads that follow see all that was written before the stream opened.
   */
  async markStart(): Promise<void> {
    await this.update({ $currentDate: { begunAt: true } });
  }

  /**
   * Begins the next generation if events were lost since this one began. Events that are restored
   * get new positions, so readers go back to before the first lost event. Call it when the change
   * stream is open, which reports later losses.
   */
  async checkForLoss(heartbeat: Sequencing['heartbeat']): Promise<void> {
    const { count, first } = await lostPositions(this.log, this.db, this.position, () =>
      heartbeat(this.position),
    );
    const { all, current } = this.generations;
    if (first === undefined || count <= current.lost) {
      const generations = [...all.slice(0, -1), { ...current, lost: count }];
      return await this.update({ $set: { generations }, $unset: { begunAnew: '' } });
    }
    const begun = await beginGeneration(
      this.log,
      this.db,
      { commonUntil: first - 1, lost: count },
      this.epoch,
    );
    if (begun === undefined) throw fenced(this.epoch);
    this.epoch = begun.epoch;
    this.generations = new Generations(begun);
  }

  /**
   * Restarts from the journal, unless another leader has taken over. A position is not given twice,
   * even if its event is lost. Only if the journal has lost all positions do they start at 1 again.
   */
  async restarted(): Promise<Leader> {
    await this.update({
      $inc: { epoch: 1 },
      $max: { position: this.position },
      $unset: { resumeToken: '' },
    });
    return await becomeLeader(this);
  }

  private async update(change: UpdateFilter<FeedState>): Promise<void> {
    const { epoch } = this;
    const { matchedCount } = await feedState(this.db).updateOne(
      { _id: this.log.feedId, epoch },
      change,
      durable,
    );
    if (matchedCount === 0) throw fenced(epoch);
  }

  /**
   * The events that can be stamped now: in the order of the inserts, and of the versions within an
   * entity.
   */
  private async due(inserts: readonly JournalInsert[]): Promise<readonly Stampable[]> {
    await this.loadUnknown(inserts);
    const due: Stampable[] = [];
    for (const { orderId, version, unsequenced } of inserts) {
      const entity = this.known.get(orderId) ?? { last: 0, waiting: new Set(), hasGaps: false };
      this.known.set(orderId, entity);
      // An event that was inserted by hand, with a position.
      if (!unsequenced) entity.last = Math.max(entity.last, version);
      else if (version > entity.last) entity.waiting.add(version);
      for (const next of takeDue(entity)) due.push({ orderId, version: next });
    }
    return due;
  }

  /**
   * Loads from the journal what is not known of these entities. The stream also repeats events that
   * were stamped from the journal before; only the journal distinguishes those from events that
   * were restored late.
   *
   * @throws LeaderOutdated if another leader has stamped one of them: readers here would miss it
   */
  private async loadUnknown(inserts: readonly JournalInsert[]): Promise<void> {
    if (this.known.size > rememberedEntities) this.known.clear();
    const isKnown = ({ orderId, version, begins }: JournalInsert): boolean => {
      const entity = this.known.get(orderId);
      return entity !== undefined && !begins && !(entity.hasGaps && version < entity.last);
    };
    const unknown = new Set(inserts.filter((insert) => !isKnown(insert)).map(({ orderId }) => orderId));
    if (unknown.size === 0) return;
    const found = await journal(this.log, this.db)
      .aggregate<EntityInJournal>(
        [
          { $match: { orderId: { $in: [...unknown] } } },
          {
            $group: {
              _id: '$orderId',
              last: { $max: { $cond: [{ $gt: ['$position', 0] }, '$version', lastLostVersion] } },
              lastPosition: { $max: '$position' },
              positions: { $sum: { $cond: [{ $gt: ['$position', 0] }, 1, 0] } },
              waiting: { $push: { $cond: ['$unsequenced', '$version', '$$REMOVE'] } },
            },
          },
        ],
        committed,
      )
      .toArray();
    for (const { _id, last, lastPosition, positions, waiting } of found) {
      if ((lastPosition ?? 0) > this.position)
        throw new LeaderOutdated('Another leader has given a later position.');
      this.known.set(_id, { last: last ?? 0, waiting: new Set(waiting), hasGaps: positions < (last ?? 0) });
    }
  }
}
