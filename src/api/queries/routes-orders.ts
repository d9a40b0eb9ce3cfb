import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { contiguous } from '../../log/journal/fold.js';
import { type AttentionDeps, attentionOf } from '../../attention/list.js';
import { isConcerned } from '../../attention/rows.js';
import { upcastIfKnown } from '../../order/upcasters.js';
import { toView } from '../../order/view.js';
import { answering } from '../../mongodb/durability.js';
import { foldHistory } from '../../log/history/history.js';
import { readStored } from '../../log/journal/read-journal.js';
import type { Moment } from '../../log/journal/time-travel.js';
import type { Kind } from '../overload/admission.js';
import { Event, Order } from '../order-shapes.js';
import type { PersonsAtEdge } from '../persons.js';
import { HttpProblem, problem } from '../problem.js';
import { Amount, closed, Id, Name, OrderPath, Sku, Tag, Time, Version } from '../schemas.js';
import type { Http } from '../http.js';
import { isServerError } from '../../outages/server-error.js';
import type { OrderViews } from '../../views/cache/order-views.js';
import { queryWords } from '../../views/search-words.js';
import type { Cursors } from './cursor.js';
import { sendEvents } from './event-page.js';
import { badQuery, toInstant } from './instant.js';
import { listOrders, sorts } from './list-orders.js';
import type { FoundOrder, OrderReader } from './order-reader.js';
import type { Past } from './past.js';
import { logUnreadable, orderNotFound } from './order-problems.js';
import { refuseUnknownVersion, refuseVersionBeyond } from './refuse-place.js';
import { OrderWithAttention, page } from './schemas.js';
import { orderLog } from '../../order-log.js';

export interface OrderQueryDeps {
  readonly db: Db;
  readonly views: OrderViews;
  readonly reader: OrderReader;
  readonly past: Past;
  readonly cursors: Cursors;
  readonly attention: AttentionDeps;
  readonly persons: PersonsAtEdge;
}

const VERSION_WITHIN_MS = 5_000;
const { maxTimeMS } = answering;
const tags = ['queries'];

export function registerOrderQueries(app: Http, deps: OrderQueryDeps): void {
  orderRoute(app, deps);
  listRoute(app, deps);
  eventsRoute(app, deps);
}

function orderRoute(app: Http, { views, reader, past, attention, persons }: OrderQueryDeps): void {
  app.get(
    '/v1/orders/:orderId',
    {
      config: { access: 'orders:read', work: orderWork },
      schema: {
        summary: 'An order as it is, or as it was',
        description:
          'From its view. If that is missing, or MongoDB is unavailable, from its workflow or its history (`Served-By`). ' +
          'With `version` or `at`, from the journal: the order as it was after that version, or at that time.',
        tags,
        headers: Type.Object({ 'if-none-match': Type.Optional(Type.String()) }),
        params: OrderPath,
        querystring: closed({
          consistency: Type.Optional(Type.Enum(['strong'], { description: 'ask the workflow itself' })),
          minVersion: Type.Optional(Version),
          version: Type.Optional(Version),
          at: Type.Optional(Time),
        }),
        response: {
          200: OrderWithAttention,
          304: { description: 'Not Modified', type: 'null' },
          400: problem(400),
          404: problem(404),
          503: problem(503),
        },
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const moment = momentOf(request.query);
      if (moment !== undefined) {
        const { order, isFinal } = await past.orderAt(orderId, moment);
        const { version } = order;
        const found: FoundOrder = { version, json: JSON.stringify(toView(order)), servedBy: 'journal' };
        return await sendOrder(request, reply, persons, found, isFinal ? forGood : 'no-cache');
      }
      const { consistency, minVersion = 1 } = request.query;
      const read = consistency === 'strong' ? 'readStrong' : 'read';
      let found = await reader[read](orderId, minVersion);
      if (found !== undefined && found.version < minVersion) {
        await views.reach(orderId, ({ version }) => version >= minVersion, VERSION_WITHIN_MS);
        found = await reader[read](orderId, minVersion);
      }
      if (found === undefined) throw orderNotFound(orderId);
      if (found.version < minVersion) throw behind(found, minVersion);
      const attentive = await withAttention(attention, orderId, found);
      return await sendOrder(request, reply, persons, attentive, 'no-cache');
    },
  );
}

function listRoute(app: Http, { db, views, cursors, attention, persons }: OrderQueryDeps): void {
  app.get(
    '/v1/orders',
    {
      config: { access: 'orders:read', work: 'list' },
      schema: {
        summary: 'Orders, filtered and sorted',
        description:
          'Every filter that is given must hold. Pass `nextCursor` on as `cursor`, with the same filters and sort.',
        tags,
        querystring: closed({
          status: Type.Optional(
            Type.Enum(['pending', 'confirmed', 'completed', 'rejected', 'cancelled', 'expired']),
          ),
          paymentStatus: Type.Optional(Order.properties.paymentStatus),
          fulfillmentStatus: Type.Optional(Order.properties.fulfillmentStatus),
          held: Type.Optional(Type.Enum(['true', 'false'])),
          attention: Type.Optional(
            Type.Enum(['true', 'false'], { description: 'whether it is in GET /v1/attention' }),
          ),
          customerId: Type.Optional(Id),
          sku: Type.Optional(Sku),
          tag: Type.Optional(Tag),
          q: Type.Optional(
            Type.String({
              ...Name,
              description:
                'words; each is the beginning of a word in ids, tags or goods, or, with `persons:read`, a whole word of the name or the e-mail address; case, accents and punctuation are ignored',
            }),
          ),
          'createdAt[gt]': Type.Optional(Time),
          'createdAt[gte]': Type.Optional(Time),
          'createdAt[lt]': Type.Optional(Time),
          'createdAt[lte]': Type.Optional(Time),
          'updatedAt[gt]': Type.Optional(Time),
          'updatedAt[gte]': Type.Optional(Time),
          'updatedAt[lt]': Type.Optional(Time),
          'updatedAt[lte]': Type.Optional(Time),
          'total[gt]': Type.Optional(Amount),
          'total[gte]': Type.Optional(Amount),
          'total[lt]': Type.Optional(Amount),
          'total[lte]': Type.Optional(Amount),
          sort: Type.Optional(Type.Enum([...sorts], { default: '-createdAt' })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
          cursor: Type.Optional(Type.String({ maxLength: 500 })),
        }),
        response: { 200: page(Order), 400: problem(400), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const hashes = await persons.search(request, reply, queryWords(request.query.q ?? ''));
      const list = await listOrders(db, cursors, request.query, attention.attentionAfterMs, hashes);
      for (const { orderId, version } of list.data) views.shown(orderId, version);
      return await reply.send(list);
    },
  );
}

function eventsRoute(app: Http, deps: OrderQueryDeps): void {
  const { reader, persons } = deps;
  app.get(
    '/v1/orders/:orderId/events',
    {
      config: {
        access: 'events:read',
        work: (request) => (isAskedFor(request, 'source', 'history') ? 'history' : 'list'),
      },
      schema: {
        summary: 'The log of an order',
        description:
          'From the journal, or from the workflow history. Pass `nextCursor`, or the last version you have, on as `after`. ' +
          'Versions have no gaps: an event that was recorded before an earlier one is returned only once that one is recorded too.',
        tags,
        params: OrderPath,
        querystring: closed({
          source: Type.Optional(Type.Enum(['journal', 'history'], { default: 'journal' })),
          after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1 })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 200 })),
        }),
        response: { 200: page(Event), 400: problem(400), 404: problem(404), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const { source = 'journal', after = 0, limit = 200 } = request.query;
      const events =
        source === 'journal'
          ? await journalAfter(deps, orderId, after, limit + 1)
          : await historyAfter(reader, orderId, after);
      const data = events.slice(0, limit);
      const isLastPage = events.length <= limit;
      return await sendEvents(reply, data, isLastPage ? undefined : data.at(-1)?.version, {
        open: (json) => persons.json(request, reply, json),
      });
    },
  );
}

/**
 * Adds what needs a person. It is looked up only if the view says that there may be something.
 */
async function withAttention(
  attention: AttentionDeps,
  orderId: string,
  found: FoundOrder,
): Promise<FoundOrder & Attentive> {
  const owedBy = new Date(Date.now() - attention.attentionAfterMs).toISOString();
  if (!isConcerned(found.concerns ?? {}, owedBy)) return found;
  const rows = await attentionOf(attention, orderId).catch((error: unknown) => {
    if (isServerError(error)) return [];
    throw error;
  });
  if (rows.length === 0) return found;
  // Adds a member at the end of the object.
  const json = `${found.json.slice(0, -1)},"attention":${JSON.stringify(rows)}}`;
  const { cached: _, ...rest } = found;
  return { ...rest, json, isAttentive: true };
}

/** The events after a version up to a gap, which later events may fill. */
async function journalAfter(
  { db, reader, views }: Pick<OrderQueryDeps, 'db' | 'reader' | 'views'>,
  orderId: string,
  after: number,
  limit: number,
) {
  const read = async () =>
    (await readStored(orderLog, db, orderId, { from: after + 1, limit, maxTimeMS })).map((event) =>
      upcastIfKnown(event),
    );
  const events = await read();
  if (events.length === 0) await refuseUnknownVersion({ db, reader }, orderId, after);
  const first = events[0]?.version ?? 1;
  if (after > 0 || first === 1) return contiguous(events, after);
  // If the view has a version beyond the gap, the missing events have come since the first read,
  // or never will: the journal was rebuilt from a history that had lost its first runs, and
  // begins later than version 1.
  if (((await views.read(orderId))?.version ?? 0) < first) return [];
  const known = await read();
  return contiguous(known, (known[0]?.version ?? 1) - 1);
}

async function historyAfter(reader: OrderReader, orderId: string, after: number) {
  const log = await reader.readHistory(orderId).catch((error: unknown) => {
    throw isServerError(error) ? error : logUnreadable(orderId, error);
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

function orderWork(request: FastifyRequest): Kind {
  if (isAskedFor(request, 'consistency', 'strong')) return 'history';
  return isAskedFor(request, 'version') || isAskedFor(request, 'at') ? 'list' : 'read';
}

/** Reads a query parameter before the schema has checked it. */
function isAskedFor({ query }: FastifyRequest, name: string, value?: string): boolean {
  const [, given] = Object.entries(query ?? {}).find(([one]) => one === name) ?? [];
  return value === undefined ? given !== undefined : given === value;
}

function behind({ version }: FoundOrder, minVersion: number): HttpProblem {
  const detail = `The order is at version ${version}, not yet at ${minVersion}. Try again soon.`;
  return new HttpProblem(503, 'version_not_reached', detail, { version });
}

/** Whether `If-None-Match` has the tag, compared weakly (RFC 9110, 13.1.2). */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  const given = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return given.includes(etag) || given.includes('*');
}

/**
 * For answers that never change. A year is the longest lifetime a cache may be given (RFC 9111).
 */
const forGood = 'private, max-age=31536000, immutable';

/**
 * The past moment that the query names; undefined if it asks for the present. Parameters that
 * contradict each other are refused.
 */
function momentOf(query: {
  readonly version?: number;
  readonly at?: string;
  readonly consistency?: string;
  readonly minVersion?: number;
}): Moment | undefined {
  const { version, at, consistency, minVersion } = query;
  if (version === undefined && at === undefined) return undefined;
  const name = version === undefined ? 'at' : 'version';
  const others = { ...(version === undefined ? {} : { at }), consistency, minVersion };
  const [other] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
  if (other !== undefined) throw badQuery(other, `does not go with ${name}`);
  return at === undefined ? { version: version ?? 1 } : { at: toInstant('at', at) };
}

interface Attentive {
  /**
   * The answer has more than the version's state, such as the number of tries, so the client's copy
   * of the same version may be out of date.
   */
  readonly isAttentive?: true;
}

async function sendOrder(
  request: FastifyRequest<{ Headers: { 'if-none-match'?: string } }>,
  reply: FastifyReply,
  persons: PersonsAtEdge,
  { version, json, servedBy, isAttentive, cached }: FoundOrder & Attentive,
  cacheControl: string,
): Promise<FastifyReply> {
  const etag = `"${version}"`;
  // A cache must not keep a person for good.
  const caching = cacheControl === forGood && persons.opens(request, json) ? 'no-store' : cacheControl;
  reply.header('etag', etag).header('cache-control', caching).header('served-by', servedBy);
  if (isAttentive !== true && names(request.headers['if-none-match'], etag))
    return await reply.code(304).send();
  reply.type('application/json; charset=utf-8');
  return await reply.send(await persons.json(request, reply, json, cached));
}
