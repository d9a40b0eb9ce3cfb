import { type Db, type Document, MongoServerError, type UpdateFilter } from 'mongodb';
import { StreamOver } from '../../concurrency/change-batches.js';
import {
  type JournalDelete,
  type JournalInsert,
  areNoDeletes,
  isLostToken,
  openJournalInserts,
} from './journal-changes.js';
import { committed, durable, isDuplicateKey } from '../journal/durability.js';
import { type FeedState, feedState, type Lead } from './feed.js';
import { journal } from '../journal/journal.js';

/** Another holder has taken over: what this one still wanted to write was refused. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

/** This holder has to begin anew. */
class Refused extends Error {
  override readonly name = 'Refused';
}

export interface Sequencing {
  readonly db: Db;
  /** aborted when another shall go on */
  readonly signal: AbortSignal;
  /** called at least every second while all is well */
  readonly beat: (position: number) => void;
  /** told of all that was given */
  readonly gave?: Lead['gave'] | undefined;
}

const waitMs = 500;
const noteMs = 250;
const conversionFailure = 241;
const backlogBatch = 500;
const rememberedOrders = 50_000;

/**
 * Gives every event of the journal its position in the one order of all events, after it was committed and in the order in
 * which it was committed: 1, 2, 3 … without gaps, within an order in the order of versions. An event whose predecessor is
 * not recorded yet waits for it, unless it is lost for good; one that was lost, and comes back behind later ones of its order,
 * does not wait.
 *
 * The contract of the feed rests on three things. One event a position: a holder stamps one event after the other in one
 * command, from the last position that it has given itself or found given when it began (in a journal that has lost all of
 * them, from 1); a position that another has given, or an event that has one, ends the command there, and the holder begins
 * anew or ends: two holders leave neither a double nor a gap. After commit: an event is stamped only once a majority has it. Nothing skipped: the resume token is noted only once
 * all that came before it is stamped; where the server has lost it, the stream is opened anew *before* what is unstamped is
 * read from the journal itself.
 *
 * Runs until aborted.
 *
 * @throws Superseded; and any error of MongoDB: call it again, it goes on where it was
 */
export async function sequence(sequencing: Sequencing): Promise<void> {
  let holder = await takeOver(sequencing);
  for (;;) {
    try {
      return await hold(holder, sequencing);
    } catch (error) {
      if (!isRefused(error) || sequencing.signal.aborted) throw error;
      // By the last stamps of a holder that this one has replaced, by those of one that has replaced it, or by hands in the journal.
      holder = await holder.renewed();
    }
  }
}

async function hold(holder: Holder, { db, signal, beat }: Sequencing): Promise<void> {
  const { stream, resumed } = await open(db, holder.resumeToken);
  try {
    if (!resumed) {
      await holder.begin();
      await stampBacklog(holder, signal, beat);
    }
    let { changes, resumeToken } = stream;
    let noting = Promise.resolve();
    while (!signal.aborted) {
      await holder.stamp(insertsOf(changes));
      beat(holder.position);
      await noting;
      // Noted while the next changes come and are stamped: nobody waits for it.
      noting = holder.note(resumeToken);
      noting.catch(() => undefined);
      ({ changes, resumeToken } = await stream.next(waitMs));
    }
    await noting;
  } finally {
    await stream.close();
  }
}

/** @throws Refused */
function insertsOf(changes: readonly (JournalInsert | JournalDelete)[]): readonly JournalInsert[] {
  if (areNoDeletes<JournalInsert>(changes)) return changes;
  throw new Refused('Events were deleted from the journal.');
}

async function open(db: Db, resumeToken: unknown) {
  try {
    if (resumeToken !== undefined)
      return { stream: await openJournalInserts(db, resumeToken), resumed: true };
  } catch (error) {
    if (!isLostToken(error)) throw error;
  }
  return { stream: await openJournalInserts(db), resumed: false };
}

/** All that has no position, oldest first. What is recorded meanwhile is in the stream, which is open already. */
async function stampBacklog(holder: Holder, signal: AbortSignal, beat: Sequencing['beat']) {
  const unsequenced = journal(holder.db)
    .find({ unsequenced: true }, committed)
    .project<JournalInsert>({ _id: 0, orderId: 1, version: 1, unsequenced: 1 })
    .sort({ recordedAt: 1 })
    .batchSize(backlogBatch);
  let inserts: JournalInsert[] = [];
  for await (const event of unsequenced) {
    inserts.push(event);
    if (inserts.length < backlogBatch) continue;
    await holder.stamp(inserts);
    await holder.note();
    beat(holder.position);
    inserts = [];
    if (signal.aborted) return;
  }
  await holder.stamp(inserts);
}

/** What a holder works on, and who is told. */
type Told = Pick<Sequencing, 'db' | 'gave'>;

type Stampable = Pick<JournalInsert, 'orderId' | 'version'>;

/** What gives a waiting event its position; of any other, or of none, it fails, for the id of an event is no number. */
function stampOf(position: number): Document[] {
  return [
    { $set: { position: { $cond: ['$unsequenced', position, { $toInt: '$_id' }] } } },
    { $unset: 'unsequenced' },
  ];
}

/** Where an event is the first of its order's log that anybody has, the version before it. */
const beforeTheLog = { $cond: ['$begins', { $subtract: ['$version', 1] }, null] };

/** The position is given already, or the event has one or is gone: what this holder knows of the journal is not so. */
function isRefused(error: unknown): boolean {
  if (error instanceof Refused || error instanceof StreamOver || isDuplicateKey(error)) return true;
  return error instanceof MongoServerError && error.code === conversionFailure;
}

async function takeOver({ db, gave }: Told): Promise<Holder> {
  const state = await feedState(db).findOneAndUpdate(
    { _id: 'feed' },
    { $inc: { epoch: 1 }, $setOnInsert: { position: 0 } },
    { upsert: true, returnDocument: 'after', ...durable },
  );
  if (state === null) throw new Error('The state of the feed cannot be read.');
  const last = await journal(db).findOne(
    { position: { $gt: 0 } },
    { ...committed, projection: { position: 1 }, sort: { position: -1 } },
  );
  if (last === null && state.position > 0) return await beginAnew({ db, gave }, state);
  return new Holder({ db, gave }, state, Math.max(state.position, last?.position ?? 0));
}

/** The journal has lost every position: what comes into it now, or comes back, is another feed, which begins at 1. */
async function beginAnew(sequencing: Told, { epoch }: FeedState): Promise<Holder> {
  const state = await feedState(sequencing.db).findOneAndUpdate(
    { _id: 'feed', epoch },
    { $set: { position: 0, begunAnew: epoch }, $unset: { resumeToken: '', leftOut: '' } },
    { returnDocument: 'after', ...durable },
  );
  if (state === null) throw over(epoch);
  return new Holder(sequencing, state, 0);
}

function over(epoch: number): Superseded {
  return new Superseded(`Epoch ${epoch} of the sequencer is over.`);
}

/** What a holder knows of an order. */
interface KnownOrder {
  /** the last version that has a position; where none has, the one before the log begins */
  last: number;
  /** versions that have none yet */
  readonly waiting: Set<number>;
  /** versions before the last were lost, and may come back */
  readonly hasGaps: boolean;
}

/** The versions whose turn it is, in their order. Those before the last come late: nothing is to be waited for. */
function* takeDue(order: KnownOrder): Generator<number, void> {
  for (const version of order.waiting) {
    if (version < order.last && order.waiting.delete(version)) yield version;
  }
  while (order.waiting.delete(order.last + 1)) {
    order.last += 1;
    yield order.last;
  }
}

/** Whoever stamps, until another does. */
class Holder {
  readonly db: Db;
  readonly gave: Sequencing['gave'];
  readonly resumeToken: unknown;
  /** the last one that is given */
  position: number;
  private readonly epoch: number;
  private notedAt = 0;
  private noted: number;
  private readonly orders = new Map<string, KnownOrder>();

  constructor({ db, gave }: Told, { epoch, resumeToken, position: noted }: FeedState, position: number) {
    this.db = db;
    this.gave = gave;
    this.epoch = epoch;
    this.resumeToken = resumeToken;
    this.noted = noted;
    this.position = position;
  }

  /** Stamps what was inserted, and what has waited for it, one after the other. */
  async stamp(inserts: readonly JournalInsert[]): Promise<void> {
    const due = await this.due(inserts);
    if (due.length === 0) return;
    const events = new Map(inserts.map(({ orderId, version, event }) => [`${orderId}:${version}`, event]));
    const given = due.map(({ orderId, version }, index) => {
      const id = `${orderId}:${version}`;
      return { id, orderId, position: this.position + index + 1, event: events.get(id) };
    });
    await journal(this.db).bulkWrite(
      given.map(({ id, position }) => ({
        // An upsert only so that it fails where there is no such event.
        updateOne: { filter: { _id: id }, update: stampOf(position), upsert: true },
      })),
      { ordered: true, ...durable },
    );
    this.position += due.length;
    this.gave?.(given);
  }

  /**
   * Notes, now and then, from where on another holder has to look: all that was inserted before `resumeToken` is done. Without
   * one it begins by the journal.
   */
  async note(resumeToken?: unknown): Promise<void> {
    const { position } = this;
    if (position === this.noted || Date.now() - this.notedAt < noteMs) return;
    await this.update({ $set: { position, ...(resumeToken !== undefined && { resumeToken }) } });
    [this.noted, this.notedAt] = [position, Date.now()];
  }

  /** What the server had when the stream was opened, a majority has once this is written: it is in the stream or in what is read. */
  async begin(): Promise<void> {
    await this.update({ $currentDate: { begunAt: true } });
  }

  /** Begins anew, by the journal, where no other has taken over. What was given is not given again, even if it is gone, unless all is. */
  async renewed(): Promise<Holder> {
    await this.update({
      $inc: { epoch: 1 },
      $max: { position: this.position },
      $unset: { resumeToken: '' },
    });
    return await takeOver(this);
  }

  private async update(change: UpdateFilter<FeedState>): Promise<void> {
    const { epoch } = this;
    const { matchedCount } = await feedState(this.db).updateOne({ _id: 'feed', epoch }, change, durable);
    if (matchedCount === 0) throw over(epoch);
  }

  /** The events that can be stamped now, in the order of the inserts, and of versions within an order. */
  private async due(inserts: readonly JournalInsert[]): Promise<readonly Stampable[]> {
    await this.meet(inserts);
    const due: Stampable[] = [];
    for (const { orderId, version, unsequenced } of inserts) {
      const order = this.orders.get(orderId) ?? { last: 0, waiting: new Set(), hasGaps: false };
      this.orders.set(orderId, order);
      // Put back by hand, with the position that it had.
      if (!unsequenced) order.last = Math.max(order.last, version);
      else if (version > order.last) order.waiting.add(version);
      for (const next of takeDue(order)) due.push({ orderId, version: next });
    }
    return due;
  }

  /**
   * What is not known of an order is in the journal; from then on all is in the stream. So is what was stamped by the journal
   * before: only the journal tells it from what has come back late.
   */
  private async meet(inserts: readonly JournalInsert[]): Promise<void> {
    if (this.orders.size > rememberedOrders) this.orders.clear();
    const isKnown = ({ orderId, version, begins }: JournalInsert): boolean => {
      const order = this.orders.get(orderId);
      return order !== undefined && !begins && !(order.hasGaps && version < order.last);
    };
    const unknown = new Set(inserts.filter((insert) => !isKnown(insert)).map(({ orderId }) => orderId));
    if (unknown.size === 0) return;
    const found = await journal(this.db)
      .aggregate<{ _id: string; last: number | null; positions: number; waiting: number[] }>(
        [
          { $match: { orderId: { $in: [...unknown] } } },
          {
            $group: {
              _id: '$orderId',
              last: { $max: { $cond: [{ $gt: ['$position', 0] }, '$version', beforeTheLog] } },
              positions: { $sum: { $cond: [{ $gt: ['$position', 0] }, 1, 0] } },
              waiting: { $push: { $cond: ['$unsequenced', '$version', '$$REMOVE'] } },
            },
          },
        ],
        committed,
      )
      .toArray();
    for (const { _id, last, positions, waiting } of found) {
      this.orders.set(_id, { last: last ?? 0, waiting: new Set(waiting), hasGaps: positions < (last ?? 0) });
    }
  }
}
