import { setMaxListeners } from 'node:events';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { upcastIfKnown } from '../../order/upcasters.js';
import { answering } from '../../mongodb/durability.js';
import {
  feedEnd,
  feedHead,
  skipLostPositions,
  type PositionedEvent,
  readGeneration,
} from '../../log/feed/feed.js';
import type { FeedTail } from '../../log/feed/tail.js';
import { feedGenerations, firstGeneration, type Generations } from '../../log/feed/generations.js';
import { readStored } from '../../log/journal/read-journal.js';
import { createMutex, type Mutex } from '../../concurrency/mutex.js';
import { createSharing } from '../../concurrency/sharing.js';
import { problem } from '../problem.js';
import { closed, OrderPath } from '../schemas.js';
import type { StreamItem, StreamPage } from '../stream.js';
import type { Http } from '../http.js';
import { sendEvents } from './event-page.js';
import { type Items, KEEP_ALIVE_MS, live, PAGE, sendOnceReachable } from './live.js';
import type { OrderReader } from './order-reader.js';
import { refuseOtherGeneration, refusePositionBeyond, refuseUnknownVersion } from './refuse-place.js';
import { continuesAfter, ReaderParameter, refuseTwoPlaces } from './routes-readers.js';
import { FeedPage, Generation, Position } from './schemas.js';
import { type Selected, selected, type Selection, selectionIn, selectionParameters } from './selection.js';
import { orderLog } from '../../order-log.js';

export interface FeedDeps {
  readonly db: Db;
  readonly reader: OrderReader;
  readonly tail: FeedTail;
}

const { maxTimeMS } = answering;
const tags = ['feed'];

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
export function registerFeedQueries(app: Http, deps: FeedDeps): void {
  const closing = new AbortController();
  // Each open stream adds a listener: no limit.
  setMaxListeners(0, closing.signal);
  app.addHook('preClose', async () => closing.abort());
  pageRoute(app, deps);
  feedStreamRoute(app, deps, closing.signal);
  orderStreamRoute(app, deps, closing.signal);
}

function pageRoute(app: Http, { db }: FeedDeps): void {
  app.get(
    '/v1/events',
    {
      config: { access: 'events:read', work: 'list' },
      schema: {
        summary: 'The feed: all events of all orders, in one sequence',
        description:
          'Positions are 1, 2, 3 … without gaps. No event is added later before one that was read. ' +
          'Pass `nextCursor`, or the last position you have, on as `after`, and `generation` with it. ' +
          'A filter leaves events out: continue after `upTo` then. ' +
          'With `reader`, the page continues after the checkpoint of that reader; the request changes nothing. ' +
          'When the feed was restored, a position beyond what is left of its generation is refused ' +
          'with 409 `feed_restored`, which says where to continue.',
        tags,
        querystring: closed({
          after: Type.Optional(Position),
          generation: Type.Optional(Generation),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: PAGE })),
          ...selectionParameters,
          reader: ReaderParameter,
        }),
        response: { 200: FeedPage, 400: problem(400), 409: problem(409), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { generation, limit = PAGE, reader: name, ...chosen } = request.query;
      const selection = selectionIn(chosen);
      refuseTwoPlaces(request.query);
      const most = selection?.payload === 'order' ? Math.min(limit, PAGE) : limit;
      const reader = name === undefined ? undefined : { client: request.principal.issuer, name };
      const begin = async (generations: Generations) => {
        const after = request.query.after ?? (reader ? await continuesAfter(db, reader, generations) : 0);
        if (generation !== undefined) refuseOtherGeneration(after, generation, generations);
        return after;
      };
      const { generations, after, events } = await readPage(db, begin, most);
      if (events.length === 0) refusePositionBeyond(after, await feedHead(orderLog, db, answering));
      const place = placeIn(generations);
      const data =
        selection === undefined
          ? events.map((event) => upcastIfKnown(event))
          : (await selected(db, selection, events, place.generation)).map((one) => one.data);
      const upTo = events.at(-1)?.position ?? after;
      const isLastPage = events.length < most;
      return await sendEvents(reply, data, isLastPage ? undefined : upTo, { more: { ...place, upTo } });
    },
  );
}

/**
 * Reads a page. If the next generation begins meanwhile, reads it again, so that all of its events
 * are of the generation that it names.
 *
 * @param begin gives the position after which the page begins
 */
async function readPage(db: Db, begin: (generations: Generations) => Promise<number>, limit: number) {
  for (;;) {
    const generations = await feedGenerations(orderLog, db, answering);
    const after = await begin(generations);
    const place = { generation: generations.current.generation, position: after };
    const { events } = await readGeneration(orderLog, db, place, limit, answering);
    if (events !== undefined) return { generations, after, events };
  }
}

function feedStreamRoute(app: Http, { db, tail }: FeedDeps, closing: AbortSignal): void {
  const sharing = createSharing<StreamedPage>();
  app.get(
    '/v1/events/stream',
    {
      config: { access: 'events:read', work: 'stream' },
      exposeHeadRoute: false,
      schema: {
        summary: 'The feed, live',
        description:
          'From `Last-Event-ID` or `after` (a position), with `reader` after the checkpoint of that reader, otherwise ' +
          'from now on. Comments keep the connection alive. ' +
          'An id is a position in the first generation of the feed, and `<position>@<generation>` in a later one. ' +
          'When a filter leaves events out, the `id` comes alone, so that a client resumes after them.',
        tags,
        headers: lastEventIdOf('^(0|[1-9]\\d{0,14})(@[1-9]\\d{0,14})?$'),
        querystring: closed({
          after: Type.Optional(Position),
          generation: Type.Optional(Generation),
          ...selectionParameters,
          reader: ReaderParameter,
        }),
        response: { ...stream, 409: problem(409) },
      },
    },
    async (request, reply) => {
      const { reader: name } = request.query;
      refuseTwoPlaces(request.query);
      const given = checkpointOf(request.headers['last-event-id'], request.query);
      const selection = selectionIn(request.query);
      const reader = name === undefined ? undefined : { client: request.principal.issuer, name };
      await sendOnceReachable(reply, closing, async (signal) => {
        const { generations, head } = await feedEnd(orderLog, db, answering);
        const { generation } = given;
        const after = given.after ?? (reader ? await continuesAfter(db, reader, generations) : head);
        if (generation !== undefined) refuseOtherGeneration(after, generation, generations);
        refusePositionBeyond(after, head);
        const place = placeIn(generations);
        reply.header('feed-generation', place.generation).header('feed-common-until', place.commonUntil);
        const part = { after, generation: place.generation, selection };
        return feedFrom({ db, tail, sharing }, part, signal);
      });
    },
  );
}

function orderStreamRoute(app: Http, { db, reader, tail }: FeedDeps, closing: AbortSignal): void {
  const turn = createMutex();
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
      await sendOnceReachable(reply, closing, async (signal) => {
        await refuseUnknownVersion({ db, reader }, orderId, after);
        return orderFrom({ db, tail }, turn, orderId, after, signal);
      });
    },
  );
}

interface FeedPart {
  /** a position of the generation */
  readonly after: number;
  readonly generation: number;
  /** undefined for all events as they are */
  readonly selection: Selection | undefined;
}

/** What a stream sends, and the position after which it continues; undefined at the end. */
interface StreamedPage {
  readonly items: StreamPage;
  readonly last: number | undefined;
}

interface StreamDeps extends Pick<FeedDeps, 'db' | 'tail'> {
  /** among streams at the same position with the same selection */
  readonly sharing: ReturnType<typeof createSharing<StreamedPage>>;
}

/** Ends when the next generation begins: there, the next positions may belong to other events. */
function feedFrom(
  { db, tail, sharing }: StreamDeps,
  { after, generation, selection }: FeedPart,
  signal: AbortSignal,
): Items {
  const readChosen = async (position: number, chosen: Selection): Promise<StreamedPage> => {
    const events = (await tail.read(generation, position, PAGE)) ?? [];
    const items = (await selected(db, chosen, events, generation)).map((one) => itemOf(one, generation));
    const last = events.at(-1)?.position;
    // A client that reconnects does not read again what was left out.
    const isMarked = last === undefined || items.at(-1)?.id === idOf(last, generation);
    return { items: isMarked ? items : [...items, { id: idOf(last, generation) }], last };
  };
  const read = async (position: number): Promise<StreamedPage> => {
    if (selection !== undefined) {
      const key = JSON.stringify([generation, position, selection]);
      return await sharing(key, () => readChosen(position, selection));
    }
    const events = (await tail.read(generation, position, PAGE)) ?? [];
    return { items: pageOf(events, generation), last: events.at(-1)?.position };
  };
  const isMore = async (position: number) =>
    (await tail.waitBeyond(position, signal, KEEP_ALIVE_MS)) > position;
  const isOver = () => tail.generation !== undefined && tail.generation !== generation;
  return live(
    after,
    { read, isMore, isOver, skipLost: (position) => skipLostPositions(orderLog, db, position, answering) },
    signal,
  );
}

/**
 * The events of one order. Reads the journal each time the feed announces an event of the order.
 */
async function* orderFrom(
  { db, tail }: Pick<FeedDeps, 'db' | 'tail'>,
  turn: Mutex,
  orderId: string,
  after: number,
  signal: AbortSignal,
): Items {
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

/** The same array for the same events, so that streams that send it share its bytes. */
function pageOf(events: readonly PositionedEvent[], generation: number): StreamPage {
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
