import type { Db } from 'mongodb';
import { createMutex } from '../../concurrency/mutex.js';
import { pause } from '../../concurrency/pause.js';
import { type JournalDelete, type Position, areNoDeletes, openPositions } from './journal-changes.js';
import { feedGenerations, feedState, Generations } from './generations.js';
import { answering, committed, type QueryTime } from '../journal/durability.js';
import type { AnyLog } from '../journal/entity-log.js';
import { type JournalDocument, type StoredRecord, eventOf, journal, onlyEvent } from '../journal/journal.js';

/** An event as it was written, with its position in the feed: the one order of all events. */
export type PositionedEvent = StoredRecord & { readonly position: number };

/**
 * The last position; 0 if there is none. All positions up to it are given, and readers see all of
 * them: nothing is ever added below it.
 */
export async function feedHead(log: AnyLog, db: Db, time: QueryTime = {}): Promise<number> {
  return (await feedEnd(log, db, time)).head;
}

/** The current generation, and its last position (`feedHead`). */
export async function feedEnd(
  log: AnyLog,
  db: Db,
  time: QueryTime = {},
): Promise<{ readonly generations: Generations; readonly head: number }> {
  const state = await feedState(db).findOne({ _id: log.feed }, { ...committed, ...time });
  const head = await lastWithoutGap(log, db, state?.position ?? 0, time);
  return { generations: new Generations(state), head };
}

/** The last of the positions that follow `noted` without a gap. */
async function lastWithoutGap(log: AnyLog, db: Db, noted: number, time: QueryTime): Promise<number> {
  const beyond = journal(log, db)
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
 * Up to `limit` events after position `after`, in order. Positions have no gaps, unless events were
 * lost after they had positions. Nothing is ever added before the last event returned. Fewer than
 * `limit` means that the feed ends there.
 */
export async function readFeed(
  log: AnyLog,
  db: Db,
  after: number,
  limit: number,
  time: QueryTime = {},
): Promise<PositionedEvent[]> {
  const found = await readBetween(log, db, { $gt: after }, limit, time);
  if (found.every(({ position }, index) => position === after + index + 1)) return found;
  // Positions up to the head are all given by now, so what is missing up to there is lost.
  const head = await feedHead(log, db, time);
  return await readBetween(log, db, { $gt: after, $lte: head }, limit, time);
}

/**
 * The position from which a reader that found nothing after `after` continues: the head if every
 * event up to it is lost, otherwise `after`.
 */
export async function skipLostPositions(
  log: AnyLog,
  db: Db,
  after: number,
  time: QueryTime = {},
): Promise<number> {
  const head = await feedHead(log, db, time);
  if (head <= after) return after;
  const left = await journal(log, db).findOne(
    { position: { $gt: after, $lte: head } },
    { ...committed, ...time },
  );
  return left === null ? head : after;
}

async function readBetween(
  log: AnyLog,
  db: Db,
  position: { readonly $gt: number; readonly $lte?: number },
  limit: number,
  time: QueryTime,
): Promise<PositionedEvent[]> {
  return await journal(log, db)
    .find({ position }, { ...committed, ...time })
    .project<PositionedEvent>(onlyEvent)
    .sort({ position: 1 })
    .limit(limit)
    // One answer for all of them if they fit: the driver's first batch would have 101.
    .batchSize(limit + 1)
    .toArray();
}

/**
 * Tells the readers of a process when the feed grows. It opens one change stream however many wait:
 * none before the first, and none while this process gives the positions itself.
 */
export interface FeedTail {
  /**
   * Resolves with the head: when it is beyond `position`, when the next generation begins, when
   * `woken` is not what was given, when time is up or when `signal` aborts.
   */
  beyond(position: number, signal: AbortSignal, withinMs: number, woken?: number): Promise<number>;
  /** Wakes the readers: something else has changed that they may depend on. */
  wake(): void;
  /** how often they were woken */
  readonly woken: number;
  /**
   * The events after a position, if this process gave them their positions just now, in this
   * generation; undefined if it did not.
   */
  remembered(generation: number, after: number, limit: number): readonly PositionedEvent[] | undefined;
  /**
   * `readFeed` for a reader of a generation, from memory if this process gave the positions just
   * now; then more events may follow even if fewer than `limit` are returned.
   *
   * @returns undefined if the feed is of another generation
   */
  read(generation: number, after: number, limit: number): Promise<readonly PositionedEvent[] | undefined>;
  /** the generation as it was seen last; undefined until it is known */
  readonly generation: number | undefined;
  /** Starts to listen for events of one entity. */
  listenTo(orderId: string): EntityListener;
  /**
   * For the sequencer in this process: what it publishes arrives sooner than by a change stream.
   */
  publishLocally(): LocalPublisher;
  stop(): Promise<void>;
}

export interface LocalPublisher {
  /** This process gives the positions from now on; this is the last one so far. */
  readonly lead: (position: number, generation: number) => void;
  /** These positions were given in a generation, in this sequence, and a majority has them. */
  readonly publish: (given: readonly GivenPosition[], generation: number) => void;
  readonly close: () => void;
}

export interface GivenPosition extends Position {
  /** the recorded event, if known, so that readers need not load it */
  readonly event?: JournalDocument | undefined;
}

export interface EntityListener {
  /** True if the entity may have new events; false if time is up or `signal` aborts first. */
  next(signal: AbortSignal, withinMs: number): Promise<boolean>;
  close(): void;
}

const POLL_EVERY_MS = 1_000;
/** After this the feed is polled once, and the wait begins anew. */
const LONGEST_WAIT_MS = 86_400_000;
const rememberedEvents = 500;
/** The longest time that `stop` waits for the change stream. */
const AWAIT_MS = 300;

/**
 * If the change stream fails, the head is polled every second until a new stream is open. It is
 * also polled while this process is about to give the positions, because another leader may still
 * give some.
 */
export function followFeed(log: AnyLog, db: Db): FeedTail {
  const tail = new Tail(log, db);
  const oneAtATime = createMutex();
  const reading = new Map<string, ReturnType<FeedTail['read']>>();
  /** Concurrent reads of one page are shared; different pages are read one after the other. */
  const readShared: FeedTail['read'] = (generation, after, limit) => {
    const key = `${generation} ${after} ${limit}`;
    const shared = reading.get(key);
    if (shared !== undefined) return shared;
    const read = oneAtATime(async () => {
      const [{ current }, events] = await Promise.all([
        feedGenerations(log, db, answering),
        readFeed(log, db, after, limit, answering),
      ]);
      tail.enter(current.generation);
      return current.generation === generation ? events : undefined;
    }).finally(() => reading.delete(key));
    reading.set(key, read);
    return read;
  };
  let following: Promise<void> | undefined;
  const followed = (): Tail => {
    following ??= tail.follow();
    return tail;
  };
  return {
    beyond: (position, signal, withinMs, woken) => followed().beyond(position, signal, withinMs, woken),
    wake: () => tail.wake(),
    get woken() {
      return tail.woken;
    },
    remembered: (generation, after, limit) => tail.remembered(generation, after, limit),
    read: async (generation, after, limit) =>
      tail.remembered(generation, after, limit) ?? (await readShared(generation, after, limit)),
    get generation() {
      return tail.generation;
    },
    listenTo: (orderId) => followed().listenTo(orderId),
    publishLocally: () => tail.publishLocally(),
    async stop() {
      tail.stopping.abort();
      await following;
    },
  };
}

class Tail {
  readonly stopping = new AbortController();
  generation: number | undefined;
  woken = 0;
  private readonly log: AnyLog;
  private readonly db: Db;
  private head = 0;
  private localPublishers = 0;
  /** a local publisher gives the positions, and nobody else */
  private isLeading = false;
  /** the last events that this process gave positions in this generation, without gaps */
  private recent: PositionedEvent[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly listeners = new Map<string, Set<() => void>>();

  constructor(log: AnyLog, db: Db) {
    this.log = log;
    this.db = db;
  }

  async beyond(position: number, signal: AbortSignal, withinMs: number, woken = this.woken): Promise<number> {
    const { generation } = this;
    const isNext = () => generation !== undefined && this.generation !== generation;
    const isNews = () => this.head > position || this.woken !== woken || isNext();
    await untilHolds(this.waiting, isNews, signal, withinMs);
    return this.head;
  }

  wake(): void {
    this.woken += 1;
    for (const wake of this.waiting) wake();
  }

  listenTo(orderId: string): EntityListener {
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
        await untilHolds(wakes, () => isNews, signal, withinMs);
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

  publishLocally(): LocalPublisher {
    this.localPublishers += 1;
    return {
      lead: (position, generation) => {
        this.isLeading = true;
        this.enter(generation);
        this.goTo(position);
        this.tellAll();
      },
      publish: (given, generation) => {
        this.enter(generation);
        for (const one of given) this.remember(one);
        this.advance(given);
      },
      close: () => {
        this.localPublishers -= 1;
        this.isLeading = false;
        this.recent = [];
        this.wake();
      },
    };
  }

  private remember({ position, event }: GivenPosition): void {
    if (event === undefined || position !== (this.recent.at(-1)?.position ?? 0) + 1) this.recent = [];
    if (event === undefined) return;
    this.recent.push({ ...eventOf(event), position });
    if (this.recent.length > 2 * rememberedEvents) this.recent = this.recent.slice(-rememberedEvents);
  }

  remembered(generation: number, after: number, limit: number): readonly PositionedEvent[] | undefined {
    if (generation !== this.generation) return undefined;
    const from = after + 1 - (this.recent[0]?.position ?? Infinity);
    return from < 0 || from >= this.recent.length ? undefined : this.recent.slice(from, from + limit);
  }

  async follow(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      if (this.localPublishers === 0) await this.watch(signal).catch(() => undefined);
      await untilHolds(this.waiting, () => !this.isLeading, signal, LONGEST_WAIT_MS);
      if (signal.aborted) return;
      await this.poll().catch(() => undefined);
      await pause(POLL_EVERY_MS, signal);
    }
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const stream = await openPositions(this.log, this.db);
    try {
      // The stream was opened first, so a position given in between is seen twice, but never
      // missed.
      await this.poll();
      let { changes } = await stream.next(AWAIT_MS);
      // Once more: a position that a majority did not have yet when the stream opened is missing
      // from both the stream and that read.
      await this.poll();
      while (!signal.aborted && this.localPublishers === 0) {
        if (changes.length > 0) await this.see(changes);
        ({ changes } = await stream.next(AWAIT_MS));
      }
    } finally {
      await stream.close();
    }
  }

  private async see(changes: readonly (Position | JournalDelete)[]): Promise<void> {
    const next = this.head + 1;
    // False if a position was seen twice, or someone changed the journal by hand.
    const areNext =
      areNoDeletes<Position>(changes) && changes.every(({ position }, index) => position === next + index);
    if (areNext) this.advance(changes);
    else await this.poll();
  }

  private advance(positions: readonly Position[]): void {
    const [first, last] = [positions[0], positions.at(-1)];
    if (first === undefined || last === undefined) return;
    // Another leader may have given positions in between, to entities that are not known here.
    const areNext = first.position === this.head + 1;
    this.goTo(last.position);
    if (this.listeners.size === 0) return;
    const orderIds = areNext ? new Set(positions.map(({ orderId }) => orderId)) : this.listeners.keys();
    for (const orderId of orderIds) this.tell(orderId);
  }

  /** Something may have been missed: wakes every reader. */
  private async poll(): Promise<void> {
    const known = this.head;
    const { generations, head } = await feedEnd(this.log, this.db);
    this.enter(generations.current.generation);
    // A local publisher has already advanced the head, or nothing was missed.
    if (this.head !== known || (this.localPublishers > 0 && head === known)) return;
    this.goTo(head);
    this.tellAll();
  }

  private tellAll(): void {
    for (const orderId of this.listeners.keys()) this.tell(orderId);
  }

  /** Wakes every reader if the feed is of another generation than before. */
  enter(generation: number): void {
    if (generation === this.generation) return;
    this.recent = [];
    this.generation = generation;
    for (const wake of this.waiting) wake();
  }

  private goTo(head: number): void {
    if (head < this.head) this.recent = [];
    this.head = head;
    for (const wake of this.waiting) wake();
  }

  private tell(orderId: string): void {
    for (const tell of this.listeners.get(orderId) ?? []) tell();
  }
}

/**
 * Resolves when `holds` is true (checked each time it is woken through `wakes`), when time is up or
 * when `signal` aborts. Leaves no listener on `signal`.
 */
async function untilHolds(
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
    const timer = setTimeout(end, withinMs);
    wakes.add(wake);
    signal.addEventListener('abort', end, { once: true });
  });
}
