import type { FastifyReply } from 'fastify';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { type FeedTail, feedHead, passLost, readFeed } from '../event-log/feed.js';
import { readJournal } from '../event-log/journal.js';
import { HttpProblem, problem } from '../platform/http-problem.js';
import { closed, OrderPath } from '../platform/http-schemas.js';
import { type StreamItem, keepAlive, sendStream } from '../platform/http-stream.js';
import type { Http } from '../platform/http.js';
import type { OrderReader } from './order-reader.js';
import { Event, page } from './schemas.js';

export interface FeedDeps {
  readonly db: Db;
  readonly reader: OrderReader;
  readonly tail: FeedTail;
}

const PAGE = 200;
const KEEP_ALIVE_MS = 15_000;
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

/** Every event of every order, in one gap-free order; within an order, positions follow versions. */
export function registerFeedQueries(app: Http, { db, reader, tail }: FeedDeps): void {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());

  app.get(
    '/v1/events',
    {
      schema: {
        summary: 'The feed: all events of all orders, in one order',
        description:
          'Positions are 1, 2, 3 … without gaps, and none is ever added below one that was read. ' +
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
      const data = await readFeed(db, after, limit);
      if (data.length === 0) refuseBeyond(after, await feedHead(db));
      const last = data.at(-1);
      const isLastPage = data.length < limit || last === undefined;
      return await reply.send({ data, ...(isLastPage ? {} : { nextCursor: String(last.position) }) });
    },
  );

  app.get(
    '/v1/events/stream',
    {
      exposeHeadRoute: false,
      schema: {
        summary: 'The feed, live',
        description:
          'From `Last-Event-ID` or `after` (a position), else from now on. Comments keep the line alive.',
        tags,
        headers: LastEventId,
        querystring: closed({ after: Type.Optional(Position) }),
        response: stream,
      },
    },
    async (request, reply) => {
      const head = await feedHead(db);
      const after = resumePoint(request.headers['last-event-id']) ?? request.query.after ?? head;
      refuseBeyond(after, head);
      const signal = untilGone(reply);
      await sendStream(reply, feedFrom(after, signal), signal);
    },
  );

  app.get(
    '/v1/orders/:orderId/stream',
    {
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
      const found = await reader.read(orderId);
      if (found === undefined) throw new HttpProblem(404, 'order_not_found', `There is no order ${orderId}.`);
      const after = resumePoint(request.headers['last-event-id']) ?? 0;
      if (after > found.version) {
        const detail = `Last-Event-ID ${after}: the order is at version ${found.version}.`;
        throw new HttpProblem(400, 'version_unknown', detail, { version: found.version });
      }
      const signal = untilGone(reply);
      await sendStream(reply, orderFrom(orderId, after, signal), signal);
    },
  );

  async function* feedFrom(
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem | typeof keepAlive> {
    let position = after;
    while (!signal.aborted) {
      const events = await readFeed(db, position, PAGE);
      for (const event of events) {
        yield { id: event.position, data: event };
        position = event.position;
      }
      if (events.length === PAGE) continue;
      const head = await tail.beyond(position, AbortSignal.any([signal, AbortSignal.timeout(KEEP_ALIVE_MS)]));
      if (head <= position) yield keepAlive;
      else if (events.length === 0) position = await passLost(db, position);
    }
  }

  /** Looks into the journal when the feed has news of the order. */
  async function* orderFrom(
    orderId: string,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem | typeof keepAlive> {
    const news = tail.newsOf(orderId);
    try {
      let version = after;
      while (!signal.aborted) {
        for (const event of await readJournal(db, orderId, { from: version + 1, limit: PAGE })) {
          if (event.position === undefined) break;
          yield { id: event.version, data: event };
          version = event.version;
        }
        const isNews = await news.next(AbortSignal.any([signal, AbortSignal.timeout(KEEP_ALIVE_MS)]));
        if (!isNews) yield keepAlive;
      }
    } finally {
      news.close();
    }
  }

  function untilGone(reply: FastifyReply): AbortSignal {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    if (reply.raw.destroyed) gone.abort();
    return AbortSignal.any([gone.signal, closing.signal]);
  }
}

function resumePoint(lastEventId: string | undefined): number | undefined {
  return lastEventId === undefined ? undefined : Number(lastEventId);
}

function refuseBeyond(after: number, head: number): void {
  if (after <= head) return;
  const detail = `There is no position ${after}: the last one is ${head}.`;
  throw new HttpProblem(400, 'position_unknown', detail, { head });
}
