import type { Db } from 'mongodb';
import { isLostToken, openJournalInserts } from './changes.js';
import { committed, durable } from './durability.js';
import { type FeedState, feedState } from './feed.js';
import { type JournalDocument, journal } from './journal.js';

/** What was inserted, in order of commits, and where to go on after it. */
interface Inserted {
  readonly inserts: readonly { readonly orderId: string; readonly version: number }[];
  readonly resumeToken: unknown;
}

/** Another holder has taken over: whatever this one still wanted to write was refused. */
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
const backlogBatch = 500;
const rememberedOrders = 50_000;

/**
 * Gives every event of the journal its position in the one order of all events, after it was committed and in the order in
 * which it was committed: 1, 2, 3 … without gaps, within an order in the order of versions. An event whose predecessor is
 * not recorded yet waits for it.
 *
 * The contract of the feed rests on three things. One holder at a time: each takes a new epoch, and every transaction that
 * stamps also moves `FeedState` from the position this holder knows, under its epoch; an older holder's fails. After commit:
 * an event is stamped only once a majority has it. Nothing skipped: the resume token is kept in that same transaction; where
 * the server has lost it, the stream is opened anew *before* what is unstamped is read from the journal itself.
 *
 * Runs until aborted.
 *
 * @throws Superseded; and any error of MongoDB: call it again, it goes on where it was
 */
export async function sequence({ db, signal, beat }: Sequencing): Promise<void> {
  const holder = await takeOver(db);
  const { stream, resumed } = await open(db, holder.state.resumeToken);
  try {
    if (!resumed) await stampBacklog(holder, stream.resumeToken, signal, beat);
    let { changes, resumeToken } = stream;
    while (!signal.aborted) {
      const inserts = changes.map(({ fullDocument }) => fullDocument);
      await holder.stamp({ inserts, resumeToken });
      beat(holder.state.position);
      ({ changes, resumeToken } = await stream.next(waitMs));
    }
  } finally {
    await stream.close();
  }
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
async function stampBacklog(
  holder: Holder,
  resumeToken: unknown,
  signal: AbortSignal,
  beat: Sequencing['beat'],
) {
  const unsequenced = journal(holder.db)
    .find({ unsequenced: true }, committed)
    .project<{ orderId: string; version: number }>({ _id: 0, orderId: 1, version: 1 })
    .sort({ recordedAt: 1 })
    .batchSize(backlogBatch);
  let inserts: { orderId: string; version: number }[] = [];
  for await (const event of unsequenced) {
    inserts.push(event);
    if (inserts.length < backlogBatch) continue;
    // No token yet: a holder that dies half-way begins anew.
    await holder.stamp({ inserts, resumeToken: undefined });
    beat(holder.state.position);
    inserts = [];
    if (signal.aborted) return;
  }
  await holder.stamp({ inserts, resumeToken });
}

async function takeOver(db: Db): Promise<Holder> {
  const state = await feedState(db).findOneAndUpdate(
    { _id: 'feed' },
    { $inc: { epoch: 1 }, $setOnInsert: { position: 0 } },
    { upsert: true, returnDocument: 'after', ...durable },
  );
  if (state === null) throw new Error('The state of the feed cannot be read.');
  return new Holder(db, state);
}

/** Whoever stamps, for as long as its epoch is the latest. */
class Holder {
  readonly db: Db;
  state: FeedState;
  /** the last version that has a position, by order; only this holder changes it */
  private readonly last = new Map<string, number>();

  constructor(db: Db, state: FeedState) {
    this.db = db;
    this.state = state;
  }

  /** Stamps what was inserted, and what has waited for it, in one transaction with the token. */
  async stamp({ inserts, resumeToken }: Inserted): Promise<void> {
    const due = await this.due(inserts);
    const token = resumeToken === undefined ? {} : { resumeToken };
    const { epoch, position } = this.state;
    if (due.length === 0) {
      if (inserts.length > 0) await this.keep(token);
      return;
    }
    const next = { ...this.state, ...token, position: position + due.length, at: new Date().toISOString() };
    await this.db.client.withSession(async (session) => {
      await session.withTransaction(
        async () => {
          const { matchedCount } = await feedState(this.db).updateOne(
            { _id: 'feed', epoch, position },
            { $set: { ...token, position: next.position, at: next.at } },
            { session },
          );
          if (matchedCount === 0) throw new Superseded(`Epoch ${epoch} of the sequencer is over.`);
          const stamped = await journal(this.db).bulkWrite(
            due.map((_id, index) => ({
              updateOne: {
                filter: { _id, unsequenced: true },
                update: { $set: { position: position + index + 1 }, $unset: { unsequenced: '' } },
              },
            })),
            { session },
          );
          if (stamped.matchedCount !== due.length)
            throw new Superseded('Some of the events have a position already.');
        },
        { readConcern: { level: 'majority' }, ...durable },
      );
    });
    this.state = next;
  }

  private async keep(token: Partial<FeedState>): Promise<void> {
    const { epoch, position } = this.state;
    const { matchedCount } = await feedState(this.db).updateOne(
      { _id: 'feed', epoch, position },
      { $set: token },
      durable,
    );
    if (matchedCount === 0) throw new Superseded(`Epoch ${epoch} of the sequencer is over.`);
  }

  /** Ids of the events that can be stamped now, in the order of the inserts, and of versions within an order. */
  private async due(inserts: Inserted['inserts']): Promise<readonly string[]> {
    const orderIds = [...new Set(inserts.map(({ orderId }) => orderId))];
    if (orderIds.length === 0) return [];
    if (this.last.size > rememberedOrders) this.last.clear();
    await this.lookUp(orderIds.filter((orderId) => !this.last.has(orderId)));
    const waiting = new Set<string>();
    const unsequenced = journal(this.db)
      .find({ orderId: { $in: orderIds }, unsequenced: true }, committed)
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
      committed,
    );
    for await (const { _id, last } of sequenced) this.last.set(_id, last);
  }
}
