import type { ClientSession, Db } from 'mongodb';
import { isLostToken, openJournalInserts } from './changes.js';
import { committed, durable, isDuplicateKey } from './durability.js';
import { type FeedState, feedState, lastGiven } from './feed.js';
import { type JournalDocument, journal } from './journal.js';

interface Inserted {
  readonly orderId: string;
  readonly version: number;
}

/** Another holder has taken over: what this one still wanted to write was refused. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

export interface Sequencing {
  readonly db: Db;
  /** aborted when another shall go on */
  readonly signal: AbortSignal;
  /** called at least every second while all is well */
  readonly beat: (position: number) => void;
}

const waitMs = 500;
const noteMs = 250;
const backlogBatch = 500;
const rememberedOrders = 50_000;

/**
 * Gives every event of the journal its position in the one order of all events, after it was committed and in the order in
 * which it was committed: 1, 2, 3 … without gaps, within an order in the order of versions. An event whose predecessor is
 * not recorded yet waits for it.
 *
 * The contract of the feed rests on three things. One event a position: holders stamp one event after the other, each from
 * the last position that it has given itself, or found given when it began; positions are unique, so of two holders one is
 * refused at the first position that both give, before it can leave a gap, and ends. After commit: an event is stamped
 * only once a majority has it. Nothing skipped: the resume token is noted only once all that came before it is stamped;
 * where the server has lost it, the stream is opened anew *before* what is unstamped is read from the journal itself.
 *
 * Runs until aborted.
 *
 * @throws Superseded; and any error of MongoDB: call it again, it goes on where it was
 */
export async function sequence({ db, signal, beat }: Sequencing): Promise<void> {
  // One session: a holder never reads what is older than what it has read, whichever server answers.
  await db.client.withSession(async (session) => {
    const holder = await takeOver(db, session);
    const { stream, resumed } = await open(db, holder.resumeToken);
    try {
      if (!resumed) await stampBacklog(holder, signal, beat);
      let { changes, resumeToken } = stream;
      while (!signal.aborted) {
        await holder.stamp(changes.map(({ fullDocument }) => fullDocument));
        beat(holder.position);
        // Noted while the next changes come: nobody waits for it.
        [{ changes, resumeToken }] = await Promise.all([stream.next(waitMs), holder.note(resumeToken)]);
      }
    } finally {
      await stream.close();
    }
  });
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
    .project<Inserted>({ _id: 0, orderId: 1, version: 1 })
    .sort({ recordedAt: 1 })
    .batchSize(backlogBatch);
  let inserts: Inserted[] = [];
  for await (const event of unsequenced) {
    inserts.push(event);
    if (inserts.length < backlogBatch) continue;
    await holder.stamp(inserts);
    beat(holder.position);
    inserts = [];
    if (signal.aborted) return;
  }
  await holder.stamp(inserts);
}

async function takeOver(db: Db, session: ClientSession): Promise<Holder> {
  const state = await feedState(db).findOneAndUpdate(
    { _id: 'feed' },
    { $inc: { epoch: 1 }, $setOnInsert: { position: 0 } },
    { upsert: true, returnDocument: 'after', session, ...durable },
  );
  if (state === null) throw new Error('The state of the feed cannot be read.');
  return new Holder(db, session, state, await lastGiven(db, state.position, session));
}

/** Whoever stamps, until another does. */
class Holder {
  readonly db: Db;
  readonly resumeToken: unknown;
  /** the last one that is given */
  position: number;
  private readonly session: ClientSession;
  private readonly epoch: number;
  private notedAt = 0;
  private noted: number;
  /** the last version that has a position, by order; only this holder changes it */
  private readonly last = new Map<string, number>();

  constructor(
    db: Db,
    session: ClientSession,
    { epoch, resumeToken, position: noted }: FeedState,
    position: number,
  ) {
    this.db = db;
    this.session = session;
    this.epoch = epoch;
    this.resumeToken = resumeToken;
    this.noted = noted;
    this.position = position;
  }

  /** Stamps what was inserted, and what has waited for it, one after the other. */
  async stamp(inserts: readonly Inserted[]): Promise<void> {
    const due = await this.due(inserts);
    if (due.length === 0) return;
    const stamped = await journal(this.db)
      .bulkWrite(
        due.map((_id, index) => ({
          updateOne: {
            filter: { _id, unsequenced: true },
            update: { $set: { position: this.position + index + 1 }, $unset: { unsequenced: '' } },
          },
        })),
        { ordered: true, session: this.session, ...durable },
      )
      .catch((error: unknown) => {
        throw isDuplicateKey(error) ? new Superseded('Another holder has given a position.') : error;
      });
    if (stamped.matchedCount !== due.length) throw new Superseded('Another holder has stamped an event.');
    this.position += due.length;
  }

  /** Notes, now and then, from where on another holder has to look: all that was inserted before `resumeToken` is done. */
  async note(resumeToken: unknown): Promise<void> {
    const { epoch, position } = this;
    if (position === this.noted || Date.now() - this.notedAt < noteMs) return;
    const { matchedCount } = await feedState(this.db).updateOne(
      { _id: 'feed', epoch },
      { $set: { position, resumeToken } },
      durable,
    );
    if (matchedCount === 0) throw new Superseded(`Epoch ${epoch} of the sequencer is over.`);
    [this.noted, this.notedAt] = [position, Date.now()];
  }

  /** Ids of the events that can be stamped now, in the order of the inserts, and of versions within an order. */
  private async due(inserts: readonly Inserted[]): Promise<readonly string[]> {
    const orderIds = [...new Set(inserts.map(({ orderId }) => orderId))];
    if (orderIds.length === 0) return [];
    if (this.last.size > rememberedOrders) this.last.clear();
    await this.lookUp(orderIds.filter((orderId) => !this.last.has(orderId)));
    const waiting = new Set<string>();
    const unsequenced = journal(this.db)
      .find({ orderId: { $in: orderIds }, unsequenced: true }, { ...committed, session: this.session })
      .project<Pick<JournalDocument, '_id'>>({ _id: 1 });
    for await (const { _id } of unsequenced) waiting.add(_id);
    const due: string[] = [];
    for (const orderId of inserts.map((insert) => insert.orderId)) {
      let version = (this.last.get(orderId) ?? 0) + 1;
      for (let id = `${orderId}:${version}`; waiting.delete(id); id = `${orderId}:${version}`) {
        due.push(id);
        this.last.set(orderId, version);
        version += 1;
      }
    }
    return due;
  }

  private async lookUp(orderIds: readonly string[]): Promise<void> {
    if (orderIds.length === 0) return;
    const sequenced = journal(this.db).aggregate<{ _id: string; last: number }>(
      [
        { $match: { orderId: { $in: orderIds }, position: { $gt: 0 } } },
        { $group: { _id: '$orderId', last: { $max: '$version' } } },
      ],
      { ...committed, session: this.session },
    );
    for await (const { _id, last } of sequenced) this.last.set(_id, last);
  }
}
