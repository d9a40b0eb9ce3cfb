import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { feedHead, readFeedInGeneration } from '../../../log/feed/feed.js';
import { feedGenerations, type Generations } from '../../../log/feed/generations.js';
import { committedInTime } from '../../../mongodb/durability.js';
import { orderLog } from '../../../order-log.js';
import { upcastIfKnown } from '../../../order/upcasters.js';
import type { Http } from '../../http.js';
import { problemResponses } from '../../problem.js';
import { FeedPage, GenerationParameter } from '../../schemas/feed.js';
import { MAX_PAGE } from '../../schemas/page-limits.js';
import { limitParameter } from '../../schemas/paging.js';
import { closed, Position } from '../../schemas/values.js';
import { sendEvents } from '../event-page.js';
import { refuseOtherGeneration, refusePositionBeyond } from '../refuse-unknown.js';
import { PAGE_SIZE } from './live.js';
import { positionOfReader, ReaderParameter, refuseTwoPlaces } from './reader-parameter.js';
import { selected, selectionIn, selectionParameters } from './selection.js';

/**
 * Serves the feed in pages: all events of all orders in one sequence without gaps. The events of an
 * order come in the order of their versions, except lost events that were restored late.
 */
export function registerFeed(app: Http, db: Db): void {
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
        tags: ['feed'],
        querystring: closed({
          after: Type.Optional(Position),
          generation: GenerationParameter,
          limit: limitParameter(MAX_PAGE, PAGE_SIZE),
          ...selectionParameters,
          reader: ReaderParameter,
        }),
        response: { 200: FeedPage, ...problemResponses(400, 409, 503) },
      },
    },
    async (request, reply) => {
      const { generation, limit = PAGE_SIZE, reader: name, ...chosen } = request.query;
      const selection = selectionIn(chosen);
      refuseTwoPlaces(request.query);
      const most = selection?.payload === 'order' ? Math.min(limit, PAGE_SIZE) : limit;
      const reader = name === undefined ? undefined : { client: request.principal.issuer, name };
      const begin = async (generations: Generations) => {
        const after = request.query.after ?? (reader ? await positionOfReader(db, reader, generations) : 0);
        if (generation !== undefined) refuseOtherGeneration(after, generation, generations);
        return after;
      };
      const { generations, after, events } = await readPage(db, begin, most);
      if (events.length === 0) refusePositionBeyond(after, await feedHead(orderLog, db, committedInTime));
      const { generation: current, commonUntil } = generations.current;
      const data =
        selection === undefined
          ? events.map((event) => upcastIfKnown(event))
          : (await selected(db, selection, events, current)).map((one) => one.data);
      const upTo = events.at(-1)?.position ?? after;
      const isLastPage = events.length < most;
      return await sendEvents(reply, data, isLastPage ? undefined : upTo, {
        more: { generation: current, commonUntil, upTo },
      });
    },
  );
}

/**
 * Reads a page. If the next generation begins meanwhile, the page is read again, so that all events
 * on a page belong to the generation that the page names.
 *
 * @param begin gives the position after which the page begins
 */
async function readPage(db: Db, begin: (generations: Generations) => Promise<number>, limit: number) {
  for (;;) {
    const generations = await feedGenerations(orderLog, db, committedInTime);
    const after = await begin(generations);
    const place = { generation: generations.current.generation, position: after };
    const { events } = await readFeedInGeneration(orderLog, db, place, limit, committedInTime);
    if (events !== undefined) return { generations, after, events };
  }
}
