import { setMaxListeners } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { upcastIfKnown } from '../../order/upcasters.js';
import { answering } from '../../log/journal/durability.js';
import {
  type FeedTail,
  feedHead,
  skipLostPositions,
  type PositionedEvent,
  readFeed,
} from '../../log/feed/feed.js';
import { readStored } from '../../log/journal/journal.js';
import { createMutex } from '../../concurrency/mutex.js';
import { problem } from '../problem.js';
import { closed, OrderPath } from '../schemas.js';
import { type StreamPage, keepAlive, sendStream } from '../stream.js';
import type { Http } from '../server.js';
import { undefinedInOutage } from '../../outages/mongo-outage.js';
import { isTemporalOutage } from '../../outages/temporal-outage.js';
import { sendEvents } from './event-page.js';
import type { OrderReader } from './order-reader.js';
import { refusePositionBeyond, refuseUnknownVersion } from './resume-points.js';
import { Event, page } from './schemas.js';

export interface FeedDeps {
  readonly db: Db;
  readonly reader: OrderReader;
  readonly tail: FeedTail;
}

const PAGE = 200;
const { maxTimeMS } = answering;
const KEEP_ALIVE_MS = 15_000;
/** How often to try again in an outage. */
const LOOK_AGAIN_MS = 1_000;
const tags = ['feed'];

const Position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1_000 });
const LastEventId = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({
      pattern: '^(0|[1-9]\\d{0,14})$',
      description: 'the id of the last event that was received',
    }),
  ),
});
const stream = {
  200: {
    description: 'Server-Sent Events: `id` to resume after, `data` an event',
    content: { 'text/event-stream': { schema: Type.String() } },
  },
  400: problem(400),
  404: problem(404),
  503: problem(503),
};

/**
 * The feed: all events of all orders in one order without gaps. The positions of an order's events
 * follow their versions.
 */
export function registerFeedQueries(app: Http, { db, reader, tail }: FeedDeps): void {
  const turn = createMutex();
  const closing = new AbortController();
  // Each open stream adds a listener: no limit.
  setMaxListeners(0, closing.signal);
  app.addHook('preClose', async () => closing.abort());

  app.get(
    '/v1/events',
    {
      config: { access: 'events:read', work: 'list' },
      schema: {
        summary: 'The feed: all events of all orders, in one sequence',
        description:
          'Positions are 1, 2, 3 … without gaps. No event is added later before one that was read. ' +
          'Pass `nextCursor`, or the last position you have, on as `after`.',
        tags,
        querystring: closed({
          after: Type.Optional(Position),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: PAGE })),
        }),
        response: { 200: page(Event), 400: problem(400), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { after = 0, limit = PAGE } = request.query;
      const data = (await readFeed(db, after, limit, answering)).map((event) => upcastIfKnown(event));
      if (data.length === 0) refusePositionBeyond(after, await feedHead(db, answering));
      const isLastPage = data.length < limit;
      return await sendEvents(reply, data, isLastPage ? undefined : data.at(-1)?.position);
    },
  );

  app.get(
    '/v1/events/stream',
    {
      config: { access: 'events:read', work: 'stream' },
      exposeHeadRoute: false,
      schema: {
        summary: 'The feed, live',
        description:
          'From `Last-Event-ID` or `after` (a position), otherwise from now on. Comments keep the connection alive.',
        tags,
        headers: LastEventId,
        querystring: closed({ after: Type.Optional(Position) }),
        response: stream,
      },
    },
    async (request, reply) => {
      const given = resumePoint(request.headers['last-event-id']) ?? request.query.after;
      await sendOnceReachable(reply, async (signal) => {
        const head = await feedHead(db, answering);
        const after = given ?? head;
        refusePositionBeyond(after, head);
        return feedFrom(after, signal);
      });
    },
  );

  app.get(
    '/v1/orders/:orderId/stream',
    {
      config: { access: 'events:read', work: 'stream' },
      exposeHeadRoute: false,
      schema: {
        summary: 'The log of an order, live',
        description: 'From its first event, or after the version in `Last-Event-ID`.',
        tags,
        headers: LastEventId,
        params: OrderPath,
        response: stream,
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const after = resumePoint(request.headers['last-event-id']) ?? 0;
      await sendOnceReachable(reply, async (signal) => {
        await refuseUnknownVersion({ db, reader }, orderId, after);
        return orderFrom(orderId, after, signal);
      });
    },
  );

  /**
   * Streams the items that `open` gives. In an outage the stream is opened and waits, because a
   * browser that gets 503 does not connect again by itself. If it turns out later that the stream
   * cannot be resumed, it ends, and the client gets the refusal when it connects again.
   */
  async function sendOnceReachable(
    reply: FastifyReply,
    open: (signal: AbortSignal) => Promise<Items>,
  ): Promise<void> {
    const signal = untilGone(reply);
    const items = await unlessUnreachable(open(signal));
    await sendStream(reply, items ?? onceReachable(() => open(signal), signal), signal);
  }

  function feedFrom(after: number, signal: AbortSignal): Items {
    const read = async (position: number) => {
      const events = await tail.read(position, PAGE);
      return pageOf(events);
    };
    const isMore = async (position: number) =>
      (await tail.beyond(position, signal, KEEP_ALIVE_MS)) > position;
    const { restarts } = tail;
    const isOver = () => tail.restarts > restarts;
    return live(
      after,
      { read, isMore, isOver, pass: (position) => skipLostPositions(db, position, answering) },
      signal,
    );
  }

  /** Reads the journal when the feed has news of the order. */
  async function* orderFrom(orderId: string, after: number, signal: AbortSignal): Items {
    const news = tail.listenTo(orderId);
    const read = async (version: number) => {
      const events = await turn(() => readStored(db, orderId, { from: version + 1, limit: PAGE, maxTimeMS }));
      const end = events.findIndex(({ position }) => position === undefined);
      return events
        .slice(0, end === -1 ? PAGE : end)
        .map((event) => ({ id: event.version, data: upcastIfKnown(event) }));
    };
    try {
      yield* live(after, { read, isMore: () => news.next(signal, KEEP_ALIVE_MS) }, signal);
    } finally {
      news.close();
    }
  }

  /** Aborts when the client disconnects or this process stops. */
  function untilGone({ raw }: FastifyReply): AbortSignal {
    const gone = new AbortController();
    const end = (): void => {
      closing.signal.removeEventListener('abort', end);
      gone.abort();
    };
    closing.signal.addEventListener('abort', end);
    raw.once('close', end);
    if (raw.destroyed || closing.signal.aborted) end();
    return gone.signal;
  }
}

type Items = AsyncGenerator<StreamPage | typeof keepAlive>;

async function* onceReachable(open: () => Promise<Items>, signal: AbortSignal): Items {
  while (!signal.aborted) {
    const items = await unlessUnreachable(open());
    if (items !== undefined) {
      yield* items;
      break;
    }
    yield keepAlive;
    await setTimeout(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The result; undefined in an outage of MongoDB or Temporal. */
async function unlessUnreachable<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await undefinedInOutage(asked);
  } catch (error) {
    if (isTemporalOutage(error)) return undefined;
    throw error;
  }
}

interface Source {
  /** The items after one, `PAGE` at most. */
  readonly read: (after: number) => Promise<StreamPage>;
  /** Waits until there may be more; false if `KEEP_ALIVE_MS` pass without any. */
  readonly isMore: (after: number) => Promise<boolean>;
  /**
   * Whether the feed was restarted, so that the items read so far may not be followed by the next
   * ones.
   */
  readonly isOver?: () => boolean;
  /** The place to go on at if items were announced and do not exist, because they were lost. */
  readonly pass?: (after: number) => Promise<number>;
}

/**
 * Yields all items of a source after `after`, now and in future. Waits out an outage of MongoDB.
 */
async function* live(
  after: number,
  { read, isMore, isOver = () => false, pass }: Source,
  signal: AbortSignal,
): Items {
  let last = after;
  let isPromised = false;
  while (!signal.aborted && !isOver()) {
    const items = await undefinedInOutage(read(last));
    if (items !== undefined && items.length > 0) {
      yield items;
      last = items.at(-1)?.id ?? last;
    }
    if (items === undefined) {
      yield keepAlive;
      await setTimeout(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
      continue;
    }
    if (items.length === 0 && isPromised && pass !== undefined)
      last = (await undefinedInOutage(pass(last))) ?? last;
    if (items.length === PAGE) continue;
    isPromised = await isMore(last);
    if (!isPromised) yield keepAlive;
  }
}

/** The same array for the same events, so that streams that send it share its bytes. */
function pageOf(events: readonly PositionedEvent[]): StreamPage {
  const known = pages.get(events);
  if (known !== undefined) return known;
  const items = events.map((event) => ({ id: event.position, data: upcastIfKnown(event) }));
  pages.set(events, items);
  return items;
}

const pages = new WeakMap<readonly PositionedEvent[], StreamPage>();

function resumePoint(lastEventId: string | undefined): number | undefined {
  return lastEventId === undefined ? undefined : Number(lastEventId);
}
