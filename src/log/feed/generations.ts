import type { Db } from 'mongodb';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable, type QueryTime } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import type { FeedPlace } from './place.js';

/**
 * A generation of the feed: as long as it lasts, a position belongs to one event. The next
 * generation begins when that no longer holds, because MongoDB was restored from a backup or the
 * journal has lost events. A checkpoint is a position of a generation.
 */
export interface Generation {
  /**
   * 1 for the first generation. A later one has the Unix time of its beginning, in seconds, so that
   * two restores of the same backup lead to different numbers.
   */
  readonly generation: number;
  /** up to this position, the feed is the same as in the generation before */
  readonly commonUntil: number;
  /** how many positions had lost their events when a leader last counted them */
  readonly lost: number;
}

/**
 * The sequencer's checkpoint, from which the next leader continues. It is one document, which is
 * written now and then, always after the positions that it covers.
 */
export interface FeedState {
  /** `EntityLog.feedId` */
  readonly _id: string;
  /** fencing token: incremented by each new leader, and with each new generation */
  readonly epoch: number;
  /** all positions up to this one are given, and later ones may be; 0 if none is given */
  readonly position: number;
  /** resumes the change stream; absent if a leader has to start by reading the journal */
  readonly resumeToken?: unknown;
  /** when a leader last started by reading the journal */
  readonly begunAt?: Date;
  /**
   * the last generations, oldest first; absent if an earlier version of the code wrote the state
   */
  readonly generations?: readonly Generation[];
  /** the number of the generation, as an earlier version of the code wrote it */
  readonly begunAnew?: number;
}

/** How many generations are kept. A checkpoint of an older one cannot be continued. */
const MAX_REMEMBERED = 100;

export function feedState(db: Db) {
  return db.collection<FeedState>('feed');
}

export const firstGeneration: Generation = { generation: 1, commonUntil: 0, lost: 0 };

/** The place before the first event. */
export const beforeFirst: FeedPlace = { generation: firstGeneration.generation, position: 0 };

/** The generations that are known, oldest first. */
export class Generations {
  readonly all: readonly Generation[];
  readonly current: Generation;

  constructor(state: Pick<FeedState, 'generations' | 'begunAnew'> | null) {
    const { generation } = firstGeneration;
    this.all = state?.generations ?? [{ ...firstGeneration, generation: state?.begunAnew ?? generation }];
    this.current = this.all.at(-1) ?? firstGeneration;
  }

  /**
   * The position up to which a generation and the current one have the same events; Infinity for
   * the current one; 0 for an unknown generation, such as one that began after the backup was made.
   */
  commonWith(generation: number): number {
    const index = this.all.findIndex((one) => one.generation === generation);
    if (index === -1) return 0;
    return Math.min(Infinity, ...this.all.slice(index + 1).map(({ commonUntil }) => commonUntil));
  }

  /**
   * A checkpoint as a place in the current generation. A checkpoint of an older generation moves
   * back to the last position that both have in common, if it is after that position.
   */
  inCurrent({ generation, position }: FeedPlace): FeedPlace {
    return { generation: this.current.generation, position: Math.min(position, this.commonWith(generation)) };
  }
}

export async function feedGenerations(log: AnyLog, db: Db, time: QueryTime = {}): Promise<Generations> {
  return new Generations(await feedState(db).findOne({ _id: log.feedId }, { ...committed, ...time }));
}

/**
 * Begins the next generation. From then on, a leader of the sequencer is refused until it takes
 * over again; a leader that calls this continues with the returned state.
 *
 * @param begins `position`: the new last position, if the feed goes back; `lost`: by default as in
 *   the current generation
 * @param epoch the epoch of the calling leader; absent if the caller is not a leader
 * @returns the new state; undefined if the calling leader was replaced
 */
export async function beginGeneration(
  log: AnyLog,
  db: Db,
  begins: Pick<Generation, 'commonUntil'> & { readonly lost?: number; readonly position?: number },
  epoch?: number,
): Promise<FeedState | undefined> {
  for (;;) {
    const state = await feedState(db).findOne({ _id: log.feedId }, committed);
    if (epoch !== undefined && state?.epoch !== epoch) return undefined;
    const { all, current } = new Generations(state);
    const { commonUntil, lost = current.lost, position } = begins;
    const generation = Math.max(Math.floor(Date.now() / 1_000), current.generation + 1);
    const generations = [...all, { generation, commonUntil, lost }].slice(-MAX_REMEMBERED);
    try {
      const begun = await feedState(db).findOneAndUpdate(
        // Matches nothing if a leader has taken over or another generation has begun since the
        // read.
        { _id: log.feedId, epoch: state === null ? { $exists: false } : state.epoch },
        {
          $set: { generations, ...(position !== undefined && { position }) },
          $inc: { epoch: 1 },
          $unset: { resumeToken: '', begunAnew: '' },
          ...(position === undefined && { $setOnInsert: { position: 0 } }),
        },
        { upsert: true, returnDocument: 'after', ...durable },
      );
      if (begun !== null) return begun;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  }
}
