import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { inTurn } from '../../concurrency/mutex.js';
import { type JournalDelete, type Position, areNoDeletes, openPositions } from './journal-changes.js';
import { answering, committed, durable, type QueryTime } from '../journal/durability.js';
import { type JournalDocument, type StoredRecord, eventOf, journal, onlyEvent } from '../journal/journal.js';

/** An event, as it was written, with its place in the one order of all events of all orders. */
export type PositionedEvent = StoredRecord & { readonly position: number };

/** What a holder of the sequencer leaves to the next: one document, written now and then, after the positions it speaks of. */
export interface FeedState {
  readonly _id: 'feed';
  /** of the latest holder */
  readonly epoch: number;
  /** all positions up to this one are given, and perhaps some more; 0 before the first */
  readonly position: number;
  /** where the change stream is to be resumed; absent where the journal is to be read first */
  readonly resumeToken?: unknown;
  /** when a holder last began by reading the journal */
  readonly begunAt?: Date;
  /** epoch of the holder that last began anew at position 1, in a journal that had lost every position; absent where none did */
  readonly begunAnew?: number;
  /** events that were lost may have come back since views were last rebuilt for that (`noteReturn`) */
  readonly hasReturns?: true;
  /** lost events that the views across orders were rebuilt without; absent for none */
  readonly leftOut?: number;
}

export function feedState(db: Db) {
  return db.collection<FeedState>('feed');
}

/**
 * The last position that was given; 0 where there is none. Whoever reads positions up to it has all of them, and none will
 * ever be added below it.
 */
export async function feedHead(db: Db, time: QueryTime = {}): Promise<number> {
  const noted = (await feedState(db).findOne({ _id: 'feed' }, { ...committed, ...time }))?.position ?? 0;
  return await lastGiven(db, noted, time);
}

/** Tells one feed from the next: another where the feed began anew, at position 1; undefined for the first. */
export async function feedBegunAnew(db: Db): Promise<number | undefined> {
  return (await feedState(db).findOne({ _id: 'feed' }, committed))?.begunAnew;
}

/** The last position of those that follow `noted` without a gap. */
async function lastGiven(db: Db, noted: number, time: QueryTime): Promise<number> {
  const beyond = journal(db)
    .find({ position: { $gt: noted } }, { ...committed, ...time })
    .project<{ position: number }>({ _id: 0, position: 1 })
    .sort({ position: 1 });
  let last = noted;
  for await (const { position } of beyond) {
    if (position !== last + 1) break;
    last = position;
  }
  return last;
}

/**
 * The events beyond position `after`, in order, `limit` at most: the next one has position `after + 1`, unless events were
 * lost after they had positions. None is ever added before the last of them. Fewer than `limit` where the feed ends.
 */
export async function readFeed(
  db: Db,
  after: number,
  limit: number,
  time: QueryTime = {},
): Promise<PositionedEvent[]> {
  const found = await readBetween(db, { $gt: after }, limit, time);
  if (found.every(({ position }, index) => position === after + index + 1)) return found;
  // Up to the head all was given before this look: what is missing there is lost.
  const head = await feedHead(db, time);
  return await readBetween(db, { $gt: after, $lte: head }, limit, time);
}

/** Where a reader that finds nothing beyond `after` goes on: at the head where all up to it is lost, else where it was. */
export async function passLost(db: Db, after: number, time: QueryTime = {}): Promise<number> {
  const head = await feedHead(db, time);
  if (head <= after) return after;
  const left = await journal(db).findOne({ position: { $gt: after, $lte: head } }, { ...committed, ...time });
  return left === null ? head : after;
}

/** To be called before events that may have been lost are put back: until all is done for it, it will be known. */
export async function noteReturn(db: Db): Promise<void> {
  await feedState(db).updateOne({ _id: 'feed' }, { $set: { hasReturns: true } }, durable);
}

/**
 * Events have come back, under other positions than they had before they were lost: a reader that had them has them twice,
 * unless it began anew since.
 *
 * @param beat called between two looks
 * @param beginAnew has every such reader begin anew; false where that is to be asked for again
 */
export async function settleReturns(
  db: Db,
  beat: () => void,
  beginAnew: () => Promise<boolean>,
): Promise<void> {
  const state = await feedState(db).findOne({ _id: 'feed' }, committed);
  if (state?.hasReturns !== true) return;
  const leftOut = await lostEvents(db, beat);
  if (leftOut > (state.leftOut ?? 0) && !(await beginAnew())) return;
  // Not for a feed that began anew meanwhile, which has lost nothing yet.
  const begunAnew = state.begunAnew ?? { $exists: false };
  await feedState(db).updateOne(
    { _id: 'feed', begunAnew },
    { $set: { leftOut }, $unset: { hasReturns: '' } },
    durable,
  );
}

const countedAtOnce = 1_000_000;

/** How many events had positions, and are gone. */
async function lostEvents(db: Db, beat: () => void): Promise<number> {
  const head = await feedHead(db);
  let left = 0;
  for (let after = 0; after < head; after += countedAtOnce) {
    const last = Math.min(head, after + countedAtOnce);
    left += await journal(db).countDocuments({ position: { $gt: after, $lte: last } }, committed);
    beat();
  }
  return head - left;
}

async function readBetween(
  db: Db,
  position: { readonly $gt: number; readonly $lte?: number },
  limit: number,
  time: QueryTime,
): Promise<PositionedEvent[]> {
  return await journal(db)
    .find({ position }, { ...committed, ...time })
    .project<PositionedEvent>(onlyEvent)
    .sort({ position: 1 })
    .limit(limit)
    // All of them in one answer, as far as it can hold them: the driver's first one has 101.
    .batchSize(limit + 1)
    .toArray();
}

/**
 * Tells a process when the feed has grown: one change stream, however many wait. None before somebody does, and none while
 * the positions are given in this very process.
 */
export interface FeedTail {
  /** Resolves with the head once it is beyond `position`, or as it is when the feed begins anew, time is up or `signal` aborts. */
  beyond(position: number, signal: AbortSignal, withinMs: number): Promise<number>;
  /** As `readFeed`, but from memory where the events were given in this process just before: then there may be more than these. */
  read(after: number, limit: number): Promise<readonly PositionedEvent[]>;
  /** How often the feed was seen to begin anew: positions read before are those of another one. */
  readonly timesBegunAnew: number;
  /** Begins to listen for one order. */
  newsOf(orderId: string): News;
  /** Whoever gives positions in this process tells of them sooner than a stream can. */
  lead(): Lead;
  stop(): Promise<void>;
}

export interface Lead {
  /** These positions were given, in this order, and a majority has them. */
  gave(given: readonly Given[]): void;
  end(): void;
}

export interface Given extends Position {
  /** as it was recorded, where that is at hand: nobody need read it again */
  readonly event?: JournalDocument | undefined;
}

export interface News {
  /** True once the order may have events that were not told of before; false when time is up or `signal` aborts first. */
  next(signal: AbortSignal, withinMs: number): Promise<boolean>;
  close(): void;
}

const LOOK_AGAIN_MS = 1_000;
const rememberedEvents = 500;
/** How long a stop may have to wait for the change stream. */
const AWAIT_MS = 300;

/**
 * Where the change stream fails, the head is looked up every second until there is one again; and so it is while the positions
 * are given here, since another holder may have given some just before.
 */
export function followFeed(db: Db): FeedTail {
  const tail = new Tail(db);
  const turn = inTurn();
  const reading = new Map<string, Promise<readonly PositionedEvent[]>>();
  /** Readers at one position share a reading; those that are catching up take turns. */
  const readShared = (after: number, limit: number): Promise<readonly PositionedEvent[]> => {
    const key = `${after} ${limit}`;
    const shared = reading.get(key);
    if (shared !== undefined) return shared;
    const read = turn(() => readFeed(db, after, limit, answering)).finally(() => reading.delete(key));
    reading.set(key, read);
    return read;
  };
  let following: Promise<void> | undefined;
  const followed = (): Tail => {
    following ??= tail.follow();
    return tail;
  };
  return {
    beyond: (position, signal, withinMs) => followed().beyond(position, signal, withinMs),
    read: async (after, limit) => tail.remembered(after, limit) ?? (await readShared(after, limit)),
    get timesBegunAnew() {
      return tail.timesBegunAnew;
    },
    newsOf: (orderId) => followed().newsOf(orderId),
    lead: () => tail.lead(),
    async stop() {
      tail.stopping.abort();
      await following;
    },
  };
}

class Tail {
  readonly stopping = new AbortController();
  timesBegunAnew = 0;
  private readonly db: Db;
  private head = 0;
  private leads = 0;
  /** the last ones that were given here, one after the other */
  private recent: PositionedEvent[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly listeners = new Map<string, Set<() => void>>();

  constructor(db: Db) {
    this.db = db;
  }

  async beyond(position: number, signal: AbortSignal, withinMs: number): Promise<number> {
    const { timesBegunAnew } = this;
    const isTold = () => this.head > position || this.timesBegunAnew > timesBegunAnew;
    await untilTrue(this.waiting, isTold, signal, withinMs);
    return this.head;
  }

  newsOf(orderId: string): News {
    const wakes = new Set<() => void>();
    let isNews = false;
    const tell = (): void => {
      isNews = true;
      for (const wake of wakes) wake();
    };
    const all = this.listeners.get(orderId) ?? new Set();
    this.listeners.set(orderId, all.add(tell));
    return {
      async next(signal, withinMs) {
        await untilTrue(wakes, () => isNews, signal, withinMs);
        const was = isNews;
        isNews = false;
        return was;
      },
      close: () => {
        all.delete(tell);
        if (all.size === 0) this.listeners.delete(orderId);
      },
    };
  }

  lead(): Lead {
    this.leads += 1;
    return {
      gave: (given) => {
        for (const one of given) this.remember(one);
        this.advance(given);
      },
      end: () => {
        this.leads -= 1;
        this.recent = [];
      },
    };
  }

  private remember({ position, event }: Given): void {
    if (event === undefined || position !== (this.recent.at(-1)?.position ?? 0) + 1) this.recent = [];
    if (event === undefined) return;
    this.recent.push({ ...eventOf(event), position });
    if (this.recent.length > 2 * rememberedEvents) this.recent = this.recent.slice(-rememberedEvents);
  }

  /** @returns undefined where there is none beyond `after`, or one that follows it is not remembered */
  remembered(after: number, limit: number): readonly PositionedEvent[] | undefined {
    const from = after + 1 - (this.recent[0]?.position ?? Infinity);
    return from < 0 || from >= this.recent.length ? undefined : this.recent.slice(from, from + limit);
  }

  async follow(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      if (this.leads === 0) await this.watch(signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.lookAgain().catch(() => undefined);
      await setTimeout(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const stream = await openPositions(this.db);
    try {
      // The stream is open before the head is read: what comes between is seen twice, never missed.
      await this.lookAgain();
      let { changes } = await stream.next(AWAIT_MS);
      // Once more: a position that no majority had yet when the stream was opened is in neither.
      await this.lookAgain();
      while (!signal.aborted && this.leads === 0) {
        if (changes.length > 0) await this.see(changes);
        ({ changes } = await stream.next(AWAIT_MS));
      }
    } finally {
      await stream.close();
    }
  }

  private async see(changes: readonly (Position | JournalDelete)[]): Promise<void> {
    const next = this.head + 1;
    // Not so where something was seen twice, or was deleted or put back by hand.
    const areNext =
      areNoDeletes<Position>(changes) && changes.every(({ position }, index) => position === next + index);
    if (areNext) this.advance(changes);
    else await this.lookAgain();
  }

  private advance(positions: readonly Position[]): void {
    const [first, last] = [positions[0], positions.at(-1)];
    if (first === undefined || last === undefined) return;
    // Another holder may have given some between: of which orders, nobody has told.
    const areNext = first.position === this.head + 1;
    this.goTo(last.position);
    if (this.listeners.size === 0) return;
    const orderIds = areNext ? new Set(positions.map(({ orderId }) => orderId)) : this.listeners.keys();
    for (const orderId of orderIds) this.tell(orderId);
  }

  /** Something may have been missed: everybody looks. */
  private async lookAgain(): Promise<void> {
    const known = this.head;
    const head = await feedHead(this.db);
    // Whoever leads was faster, or nothing was missed.
    if (this.head !== known || (this.leads > 0 && head === known)) return;
    this.goTo(head);
    for (const orderId of this.listeners.keys()) this.tell(orderId);
  }

  /** A feed that begins anew, in an emptied database, is below what was seen. */
  private goTo(head: number): void {
    if (head < this.head) {
      this.recent = [];
      this.timesBegunAnew += 1;
    }
    this.head = head;
    for (const wake of this.waiting) wake();
  }

  private tell(orderId: string): void {
    for (const tell of this.listeners.get(orderId) ?? []) tell();
  }
}

/** Waits, woken through `wakes`, until it holds, time is up or `signal` aborts. Nothing is left behind on `signal`. */
async function untilTrue(
  wakes: Set<() => void>,
  holds: () => boolean,
  signal: AbortSignal,
  withinMs: number,
): Promise<void> {
  if (holds() || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      wakes.delete(wake);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const wake = (): void => {
      if (holds()) end();
    };
    const timer = globalThis.setTimeout(end, withinMs);
    wakes.add(wake);
    signal.addEventListener('abort', end, { once: true });
  });
}
