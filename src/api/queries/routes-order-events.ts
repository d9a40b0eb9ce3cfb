import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { foldHistory } from '../../log/history/history.js';
import { contiguous } from '../../log/journal/fold.js';
import { readStoredEvents } from '../../log/journal/read-journal.js';
import { committedInTime } from '../../mongodb/durability.js';
import { upcastIfKnown } from '../../order/upcasters.js';
import { orderLog } from '../../order-log.js';
import { isServerError } from '../../outages/server-error.js';
import type { CachedOrders } from '../../views/cache/cached-orders.js';
import type { PersonalDataAtEdge } from '../access/personal-data.js';
import type { Http } from '../http.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { Event } from '../schemas/order.js';
import { MAX_PAGE } from '../schemas/page-limits.js';
import { limitParameter, pageOf, pageSchema } from '../schemas/paging.js';
import { closed, OrderPath } from '../schemas/values.js';
import { sendEvents } from './event-page.js';
import { unreadableLog, orderNotFound } from './order-problems.js';
import type { OrderReader } from './order-reader.js';
import { hasParameter } from './query-parameters.js';
import { refuseUnknownVersion, refuseVersionBeyond } from './refuse-unknown.js';

export interface OrderEventsDeps {
  readonly db: Db;
  readonly cachedOrders: Pick<CachedOrders, 'read'>;
  readonly reader: OrderReader;
  readonly personalData: PersonalDataAtEdge;
}

const { maxTimeMS } = committedInTime;

/** Serves the log of an order, from the journal or from its history. */
export function registerOrderEvents(app: Http, deps: OrderEventsDeps): void {
  const { reader, personalData } = deps;
  app.get(
    '/v1/orders/:orderId/events',
    {
      config: {
        access: 'events:read',
        work: (request) => (hasParameter(request, 'source', 'history') ? 'history' : 'list'),
      },
      schema: {
        summary: 'The log of an order',
        description:
          'From the journal, or from the workflow history. Pass `nextCursor`, or the last version you have, on as `after`. ' +
          'Versions have no gaps: an event that was recorded before an earlier one is returned only once that one is recorded too.',
        tags: ['queries'],
        params: OrderPath,
        querystring: closed({
          source: Type.Optional(Type.Enum(['journal', 'history'], { default: 'journal' })),
          after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1 })),
          limit: limitParameter(MAX_PAGE, 200),
        }),
        response: { 200: pageSchema(Event), ...problemResponses(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const { source = 'journal', after = 0, limit = 200 } = request.query;
      const events: readonly { readonly version: number }[] =
        source === 'journal'
          ? await journalAfter(deps, orderId, after, limit + 1)
          : await historyAfter(reader, orderId, after);
      const { data, last } = pageOf(events, limit);
      return await sendEvents(reply, data, last?.version, {
        open: (json) => personalData.json(request, reply, json),
      });
    },
  );
}

/**
 * The events after a version, up to the first gap in the journal. Missing events may still come.
 */
async function journalAfter(
  { db, reader, cachedOrders }: Omit<OrderEventsDeps, 'personalData'>,
  orderId: string,
  after: number,
  limit: number,
) {
  const read = async () =>
    (await readStoredEvents(orderLog, db, orderId, { from: after + 1, limit, maxTimeMS })).map((event) =>
      upcastIfKnown(event),
    );
  const events = await read();
  if (events.length === 0) await refuseUnknownVersion({ db, reader }, orderId, after);
  const first = events[0]?.version ?? 1;
  if (after > 0 || first === 1) return contiguous(events, after);
  // If the view has not reached `first`, the missing events may still come. Otherwise the second
  // read finds them, or they are lost: the journal was rebuilt from a history that had lost its
  // first runs.
  if (((await cachedOrders.read(orderId))?.version ?? 0) < first) return [];
  const known = await read();
  return contiguous(known, (known[0]?.version ?? 1) - 1);
}

async function historyAfter(reader: OrderReader, orderId: string, after: number) {
  const log = await reader.readHistory(orderId).catch((error: unknown) => {
    throw isServerError(error) ? error : unreadableLog(orderId, error);
  });
  if (log !== undefined) {
    const events = log.isForecast ? [] : log.events.filter(({ version }) => version > after);
    if (events.length === 0) refuseVersionBeyond(orderId, after, foldHistory(orderLog, log)?.version ?? 0);
    return events;
  }
  if ((await reader.read(orderId)) === undefined) throw orderNotFound(orderId);
  const detail = `Temporal no longer has the history of order ${orderId}. Its journal is complete: leave out source.`;
  throw new HttpProblem(404, 'history_not_kept', detail);
}
