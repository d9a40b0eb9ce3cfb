import { setMaxListeners } from 'node:events';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { createThrottledMutex } from '../../../concurrency/throttled-mutex.js';
import { createSingleFlight } from '../../../concurrency/single-flight.js';
import { feedEnd } from '../../../log/feed/feed.js';
import { firstGeneration } from '../../../log/feed/generations.js';
import type { FeedTail } from '../../../log/feed/tail.js';
import { committedInTime } from '../../../mongodb/durability.js';
import { orderLog } from '../../../order-log.js';
import type { Http } from '../../http.js';
import { problemResponses } from '../../problem.js';
import { GenerationParameter } from '../../schemas/feed.js';
import { closed, OrderPath, Position } from '../../schemas/values.js';
import type { OrderReader } from '../order-reader.js';
import { refuseOtherGeneration, refusePositionBeyond, refuseUnknownVersion } from '../refuse-unknown.js';
import type { SourcePage } from './live.js';
import { sendOnceReachable } from './send-once-reachable.js';
import { positionOfReader, ReaderParameter, refuseTwoPlaces } from './reader-parameter.js';
import { selectionIn, selectionParameters } from './selection.js';
import { feedFrom, orderFrom } from './streamed-events.js';

export interface StreamDeps {
  readonly db: Db;
  readonly reader: OrderReader;
  readonly tail: FeedTail;
}

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
  ...problemResponses(400, 404, 503),
};

/** Serves the feed and the log of an order live, as Server-Sent Events. */
export function registerStreams(app: Http, deps: StreamDeps): void {
  const closing = new AbortController();
  // Each open stream adds a listener. `MAX_STREAMS` limits them, so Node's warning is turned off.
  setMaxListeners(0, closing.signal);
  app.addHook('preClose', async () => closing.abort());
  feedStreamRoute(app, deps, closing.signal);
  orderStreamRoute(app, deps, closing.signal);
}

function feedStreamRoute(app: Http, { db, tail }: StreamDeps, closing: AbortSignal): void {
  const singleFlight = createSingleFlight<SourcePage>();
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
          generation: GenerationParameter,
          ...selectionParameters,
          reader: ReaderParameter,
        }),
        response: { ...stream, ...problemResponses(409) },
      },
    },
    async (request, reply) => {
      const { reader: name } = request.query;
      refuseTwoPlaces(request.query);
      const given = checkpointOf(request.headers['last-event-id'], request.query);
      const selection = selectionIn(request.query);
      const reader = name === undefined ? undefined : { client: request.principal.issuer, name };
      await sendOnceReachable(reply, closing, async (signal) => {
        const { generations, head } = await feedEnd(orderLog, db, committedInTime);
        const { generation } = given;
        const after = given.after ?? (reader ? await positionOfReader(db, reader, generations) : head);
        if (generation !== undefined) refuseOtherGeneration(after, generation, generations);
        refusePositionBeyond(after, head);
        const { generation: current, commonUntil } = generations.current;
        reply.header('feed-generation', current).header('feed-common-until', commonUntil);
        const part = { after, generation: current, selection };
        return feedFrom({ db, tail, singleFlight }, part, signal);
      });
    },
  );
}

function orderStreamRoute(app: Http, { db, reader, tail }: StreamDeps, closing: AbortSignal): void {
  const oneAtATime = createThrottledMutex();
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
        return orderFrom({ db, tail }, oneAtATime, orderId, after, signal);
      });
    },
  );
}

/**
 * Where a stream resumes. A `Last-Event-ID` without a generation belongs to the generation in the
 * query, otherwise to the first one. Without a `Last-Event-ID`, `after` belongs to the generation
 * in the query, otherwise to the current one.
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
