import type { Db } from 'mongodb';
import type { ThrottledMutex } from '../../../concurrency/throttled-mutex.js';
import type { createSingleFlight } from '../../../concurrency/single-flight.js';
import { type PositionedEvent, positionAfterLost } from '../../../log/feed/feed.js';
import { firstGeneration } from '../../../log/feed/generations.js';
import type { FeedTail } from '../../../log/feed/tail.js';
import { readStoredEvents } from '../../../log/journal/read-journal.js';
import { committedInTime } from '../../../mongodb/durability.js';
import { orderLog } from '../../../order-log.js';
import { upcastIfKnown } from '../../../order/upcasters.js';
import { type Items, KEEP_ALIVE_MS, live, PAGE_SIZE, type SourcePage } from './live.js';
import { type ReaderSelection, type Selected, selected } from './selection.js';
import type { StreamItem, StreamPage } from './server-sent-events.js';

/** Where the events are read. */
interface Source {
  readonly db: Db;
  readonly tail: FeedTail;
}

/** The events that a stream of the feed sends. */
export interface FeedPart {
  /** a position of the generation */
  readonly after: number;
  readonly generation: number;
  /** undefined: all events are sent as they are */
  readonly selection: ReaderSelection | undefined;
}

interface SharedSource extends Source {
  /** lets streams at the same position with the same selection share a read */
  readonly singleFlight: ReturnType<typeof createSingleFlight<SourcePage>>;
}

/**
 * The events of the feed. Ends when the next generation begins, because the next positions may
 * belong to other events in it.
 */
export function feedFrom(
  { db, tail, singleFlight }: SharedSource,
  { after, generation, selection }: FeedPart,
  signal: AbortSignal,
): Items {
  const readChosen = async (position: number, chosen: ReaderSelection): Promise<SourcePage> => {
    const events = (await tail.pages.read(generation, position, PAGE_SIZE)) ?? [];
    const items = (await selected(db, chosen, events, generation)).map((one) => itemOf(one, generation));
    const last = events.at(-1)?.position;
    // A page ends with the id of its last event, even if that event was left out. So a client that
    // reconnects does not read the same events again.
    const isMarked = last === undefined || items.at(-1)?.id === idOf(last, generation);
    return { items: isMarked ? items : [...items, { id: idOf(last, generation) }], last };
  };
  const read = async (position: number): Promise<SourcePage> => {
    if (selection !== undefined) {
      const key = JSON.stringify([generation, position, selection]);
      return await singleFlight(key, () => readChosen(position, selection));
    }
    const events = (await tail.pages.read(generation, position, PAGE_SIZE)) ?? [];
    return { items: itemsOf(events, generation), last: events.at(-1)?.position };
  };
  const waitForMore = async (position: number) =>
    (await tail.waitBeyond(position, signal, KEEP_ALIVE_MS)) > position;
  const isOver = () => tail.generation !== undefined && tail.generation !== generation;
  return live(
    after,
    {
      read,
      waitForMore,
      isOver,
      skipLost: (position) => positionAfterLost(orderLog, db, position, committedInTime),
    },
    signal,
  );
}

/**
 * The events of one order. Reads the journal each time the feed announces an event of the order.
 */
export async function* orderFrom(
  { db, tail }: Source,
  oneAtATime: ThrottledMutex,
  orderId: string,
  after: number,
  signal: AbortSignal,
): Items {
  const news = tail.listenTo(orderId);
  const read = async (version: number) => {
    const events = await oneAtATime(() =>
      readStoredEvents(orderLog, db, orderId, {
        from: version + 1,
        limit: PAGE_SIZE,
        maxTimeMS: committedInTime.maxTimeMS,
      }),
    );
    const end = events.findIndex(({ position }) => position === undefined);
    const given = events.slice(0, end === -1 ? PAGE_SIZE : end);
    return {
      items: given.map((event) => ({ id: event.version, data: upcastIfKnown(event) })),
      last: given.at(-1)?.version,
    };
  };
  try {
    yield* live(after, { read, waitForMore: () => news.next(signal, KEEP_ALIVE_MS) }, signal);
  } finally {
    news.close();
  }
}

/** Returns the same array for the same events, so that all streams that send it share its bytes. */
function itemsOf(events: readonly PositionedEvent[], generation: number): StreamPage {
  const known = pages.get(events);
  if (known !== undefined) return known;
  const items = events.map((event) =>
    itemOf({ position: event.position, data: upcastIfKnown(event) }, generation),
  );
  pages.set(events, items);
  return items;
}

function itemOf({ position, data }: Selected, generation: number): StreamItem {
  return { id: idOf(position, generation), data };
}

function idOf(position: number, generation: number): string {
  return generation === firstGeneration.generation ? `${position}` : `${position}@${generation}`;
}

const pages = new WeakMap<readonly PositionedEvent[], StreamPage>();
