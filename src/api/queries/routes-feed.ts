import { setMaxListeners } from 'node:events';
import type { FastifyReply } from 'fastify';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { pause } from '../../concurrency/pause.js';
import { upcastIfKnown } from '../../order/upcasters.js';
import { answering } from '../../mongodb/durability.js';
import { feedEnd, feedHead, skipLostPositions, type PositionedEvent, readFeed } from '../../log/feed/feed.js';
import type { FeedTail } from '../../log/feed/tail.js';
import { feedGenerations, firstGeneration, type Generations } from '../../log/feed/generations.js';
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
import { refuseOtherGeneration, refusePositionBeyond, refuseUnknownVersion } from './resume-points.js';
import { FeedPage } from './schemas.js';
import { orderLog } from '../../order-log.js';

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
const Generation = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'the generation of the feed in which the position was received; by default, the current one',
});
function lastEventIdOf(pattern: string) {
  const description = 'the id of the last event that was received';
  return Type.Object({ 'last-event-id': Type.Optional(Type.String({ pattern, description })) });
}
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
          'Pass `nextCursor`, or the last position you have, on as `after`, and `generation` with it. ' +
          'When the feed was restored, a position beyond what is left of its generation is refused ' +
          'with 409 `feed_restored`, which says where to go on.',
        tags,
        querystring: closed({
          after: Type.Optional(Position),
          generation: Type.Optional(Generation),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: PAGE })),
        }),
        response: { 200: FeedPage, 400: problem(400), 409: problem(409), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { after = 0, generation, limit = PAGE } = request.query;
      // Read before the events: if the next generation begins in between, the client hears of it
      // with its next request.
      const generations = await feedGenerations(orderLog, db, answering);
      if (generation !== undefined) refuseOtherGeneration(after, generation, generations);
      const data = (await readFeed(orderLog, db, after, limit, answering)).map((event) =>
        upcastIfKnown(event),
      );
      if (data.length === 0) refusePositionBeyond(after, await feedHead(orderLog, db, answering));
      const isLastPage = data.length < limit;
      return await sendEvents(reply, data, isLastPage ? undefined : data.at(-1)?.position, {
        more: placeIn(generations),
      });
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
          'From `Last-Event-ID` or `after` (a position), otherwise from now on. Comments keep the connection alive. ' +
          'An id is a position in the first generation of the feed, and `<position>@<generation>` in a later one.',
        tags,
        headers: lastEventIdOf('^(0|[1-9]\\d{0,14})(@[1-9]\\d{0,14})?$'),
        querystring: closed({ after: Type.Optional(Position), generation: Type.Optional(Generation) }),
        response: { ...stream, 409: problem(409) },
      },
    },
    async (request, reply) => {
      const given = checkpointOf(request.headers['last-event-id'], request.query);
      await sendOnceReachable(reply, async (signal) => {
        const { generations, head } = await feedEnd(orderLog, db, answering);
        const { after = head, generation } = given;
        if (generation !== undefined) refuseOtherGeneration(after, generation, generations);
        refusePositionBeyond(after, head);
        const place = placeIn(generations);
        reply.header('feed-generation', place.generation).header('feed-common-until', place.commonUntil);
        return feedFrom(after, place.generation, signal);
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
        description: 'From its first event, or after the version in `Last-Event-ID` or `after`.',
        tags,
        headers: lastEventIdOf('^(0|[1-9]\\d{0,14})$'),
        params: OrderPath,
        querystring: closed({ after: Type.Optional(Position) }),
        response: stream,
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const after = Number(request.headers['last-event-id'] ?? request.query.after ?? 0);
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

  /** Ends when the next generation begins: what has the next position there may not follow. */
  function feedFrom(after: number, generation: number, signal: AbortSignal): Items {
    const read = async (position: number) => {
      const events = await tail.read(generation, position, PAGE);
      return { items: pageOf(events ?? [], generation), last: events?.at(-1)?.position };
    };
    const isMore = async (position: number) =>
      (await tail.waitBeyond(position, signal, KEEP_ALIVE_MS)) > position;
    const isOver = () => tail.generation !== undefined && tail.generation !== generation;
    return live(
      after,
      { read, isMore, isOver, pass: (position) => skipLostPositions(orderLog, db, position, answering) },
      signal,
    );
  }

  /** Reads the journal when the feed has news of the order. */
  async function* orderFrom(orderId: string, after: number, signal: AbortSignal): Items {
    const news = tail.listenTo(orderId);
    const read = async (version: number) => {
      const events = await turn(() =>
        readStored(orderLog, db, orderId, { from: version + 1, limit: PAGE, maxTimeMS }),
      );
      const end = events.findIndex(({ position }) => position === undefined);
      const given = events.slice(0, end === -1 ? PAGE : end);
      return {
        items: given.map((event) => ({ id: event.version, data: upcastIfKnown(event) })),
        last: given.at(-1)?.version,
      };
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
    await pause(LOOK_AGAIN_MS, signal);
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
  /** The items after a place, `PAGE` at most, and the place of the last one. */
  readonly read: (
    after: number,
  ) => Promise<{ readonly items: StreamPage; readonly last: number | undefined }>;
  /** Waits until there may be more; false if `KEEP_ALIVE_MS` pass without any. */
  readonly isMore: (after: number) => Promise<boolean>;
  /** Whether the items read so far may not be followed by the next ones. */
  readonly isOver?: () => boolean;
  /** The place to continue at if items were announced and do not exist, because they were lost. */
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
    const found = await undefinedInOutage(read(last));
    if (found === undefined) {
      yield keepAlive;
      await pause(LOOK_AGAIN_MS, signal);
      continue;
    }
    const { items } = found;
    if (items.length > 0) yield items;
    last = found.last ?? last;
    if (items.length === 0 && isPromised && pass !== undefined)
      last = (await undefinedInOutage(pass(last))) ?? last;
    if (items.length === PAGE) continue;
    isPromised = await isMore(last);
    if (!isPromised) yield keepAlive;
  }
}

/** The same array for the same events, so that streams that send it share its bytes. */
function pageOf(events: readonly PositionedEvent[], generation: number): StreamPage {
  const known = pages.get(events);
  if (known !== undefined) return known;
  const suffix = generation === firstGeneration.generation ? '' : `@${generation}`;
  const items = events.map((event) => ({ id: `${event.position}${suffix}`, data: upcastIfKnown(event) }));
  pages.set(events, items);
  return items;
}

const pages = new WeakMap<readonly PositionedEvent[], StreamPage>();

/**
 * Where a stream resumes. An id without a generation is one of the first generation; `after` is a
 * position of the current one unless the client names another.
 */
function checkpointOf(
  lastEventId: string | undefined,
  { after, generation }: { readonly after?: number; readonly generation?: number },
): { readonly after?: number | undefined; readonly generation?: number | undefined } {
  if (lastEventId === undefined) return { after, generation };
  const [position, suffix] = lastEventId.split('@');
  const ofId = suffix === undefined ? (generation ?? firstGeneration.generation) : Number(suffix);
  return { after: Number(position), generation: ofId };
}

function placeIn({ current: { generation, commonUntil } }: Generations) {
  return { generation, commonUntil };
}
