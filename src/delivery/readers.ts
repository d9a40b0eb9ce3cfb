import type { Db } from 'mongodb';
import type { FeedPlace } from '../log/feed/place.js';
import { committedInTime, durable } from '../mongodb/durability.js';

/** A reader of pages or streams of the feed: a client, and the name that it gave the reader. */
export interface Reader {
  /** the client, as named in the ids of its commands (`issuer`) */
  readonly client: string;
  readonly name: string;
}

/** The checkpoint of a reader, which has handled every event up to this place. */
export interface ReaderRow extends FeedPlace, Reader {
  /** `<client> <name>` */
  readonly _id: string;
  /** when the reader last stored its checkpoint; MongoDB deletes the row some time later */
  readonly askedAt: Date;
}

const KEPT_S = 30 * 86_400;
/**
 * Maximum number of readers of a client, so that a client cannot use a new name for each request.
 */
export const MAX_READERS = 100;

export const readerRows = (db: Db) => db.collection<ReaderRow>('feed_readers');

export async function ensureReaderIndexes(db: Db): Promise<void> {
  await readerRows(db).createIndexes([
    { key: { askedAt: 1 }, expireAfterSeconds: KEPT_S },
    { key: { client: 1 } },
  ]);
}

/** The checkpoint of a reader; undefined if it has kept none here. */
export async function readerCheckpoint(db: Db, reader: Reader): Promise<FeedPlace | undefined> {
  return (await readerRows(db).findOne({ _id: idOf(reader) }, committedInTime)) ?? undefined;
}

/**
 * Moves the checkpoint of a reader, forward or back.
 *
 * @returns false if the client has too many readers for a new one
 */
export async function saveReaderCheckpoint(db: Db, reader: Reader, place: FeedPlace): Promise<boolean> {
  const { generation, position } = place;
  const rows = readerRows(db);
  const [byId, $set] = [{ _id: idOf(reader) }, { ...reader, generation, position, askedAt: new Date() }];
  const { matchedCount } = await rows.updateOne(byId, { $set }, durable);
  if (matchedCount > 0) return true;
  const { client } = reader;
  if ((await rows.countDocuments({ client }, { ...committedInTime, limit: MAX_READERS })) === MAX_READERS)
    return false;
  await rows.updateOne(byId, { $set }, { upsert: true, ...durable });
  return true;
}

function idOf({ client, name }: Reader): string {
  return `${client} ${name}`;
}
