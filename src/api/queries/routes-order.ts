import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { attentionOf } from '../../attention/list.js';
import { needsAttention } from '../../attention/sources/orders.js';
import type { AttentionDeps } from '../../attention/source.js';
import { ago } from '../../log/time.js';
import type { Moment } from '../../log/journal/time-travel.js';
import { toView } from '../../order/view.js';
import { isServerError } from '../../outages/server-error.js';
import type { CachedOrders } from '../../views/cache/cached-orders.js';
import type { PersonalDataAtEdge } from '../access/personal-data.js';
import type { Http } from '../http.js';
import type { WorkKind } from '../overload/admission.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { OrderWithAttention } from '../schemas/attention.js';
import { closed, OrderPath, Time, Version } from '../schemas/values.js';
import { badQuery, hasParameter, toInstant } from './query-parameters.js';
import { orderNotFound } from './order-problems.js';
import type { FoundOrder, OrderReader } from './order-reader.js';
import type { Past } from './past-orders.js';

export interface OrderQueryDeps {
  readonly cachedOrders: Pick<CachedOrders, 'reach'>;
  readonly reader: OrderReader;
  readonly past: Past;
  readonly attention: AttentionDeps;
  readonly personalData: PersonalDataAtEdge;
}

const VERSION_WITHIN_MS = 5_000;

/** Serves an order in its current state, or as it was at a version or a time. */
export function registerOrder(
  app: Http,
  { cachedOrders, reader, past, attention, personalData }: OrderQueryDeps,
): void {
  app.get(
    '/v1/orders/:orderId',
    {
      config: { access: 'orders:read', work: orderWork },
      schema: {
        summary: 'An order as it is, or as it was',
        description:
          'From its view. If that is missing, or MongoDB is unavailable, from its workflow or its history (`Served-By`). ' +
          'With `version` or `at`, from the journal: the order as it was after that version, or at that time.',
        tags: ['queries'],
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
          ...problemResponses(400, 404, 503),
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
        return await sendOrder(request, reply, personalData, found, isFinal ? forGood : 'no-cache');
      }
      const { consistency, minVersion = 1 } = request.query;
      const read = consistency === 'strong' ? 'readStrong' : 'read';
      let found = await reader[read](orderId, minVersion);
      if (found !== undefined && found.version < minVersion) {
        await cachedOrders.reach(orderId, ({ version }) => version >= minVersion, VERSION_WITHIN_MS);
        found = await reader[read](orderId, minVersion);
      }
      if (found === undefined) throw orderNotFound(orderId);
      if (found.version < minVersion) throw notReached(found, minVersion);
      const shown = await withAttention(attention, orderId, found);
      return await sendOrder(request, reply, personalData, shown, 'no-cache');
    },
  );
}

/**
 * Adds a member `attention` with the rows that say what needs an operator. They are read only if
 * `found.attention` says that there may be some.
 */
async function withAttention(
  attention: AttentionDeps,
  orderId: string,
  found: FoundOrder,
): Promise<FoundOrder & MaybeWithAttention> {
  const overdueBefore = ago(attention.attentionAfterMs);
  if (!needsAttention(found.attention ?? {}, overdueBefore)) return found;
  const rows = await attentionOf(attention, orderId).catch((error: unknown) => {
    if (isServerError(error)) return [];
    throw error;
  });
  if (rows.length === 0) return found;
  // Adds a member at the end of the object.
  const json = `${found.json.slice(0, -1)},"attention":${JSON.stringify(rows)}}`;
  const { cached: _, ...rest } = found;
  return { ...rest, json, hasAttention: true };
}

function orderWork(request: FastifyRequest): WorkKind {
  if (hasParameter(request, 'consistency', 'strong')) return 'history';
  return hasParameter(request, 'version') || hasParameter(request, 'at') ? 'list' : 'read';
}

function notReached({ version }: FoundOrder, minVersion: number): HttpProblem {
  const detail = `The order is at version ${version}, not yet at ${minVersion}. Try again soon.`;
  return new HttpProblem(503, 'version_not_reached', detail, { version });
}

/** Whether `If-None-Match` has the tag, compared weakly (RFC 9110, 13.1.2). */
function hasTag(ifNoneMatch: string | undefined, etag: string): boolean {
  const given = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return given.includes(etag) || given.includes('*');
}

/**
 * The caching of answers that never change. The lifetime is only a year, because some caches fail
 * with a much longer one (RFC 9111, 5.3).
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

interface MaybeWithAttention {
  /**
   * The answer has more than the version's state, such as the number of tries, so the client's copy
   * of the same version may be out of date.
   */
  readonly hasAttention?: true;
}

async function sendOrder(
  request: FastifyRequest<{ Headers: { 'if-none-match'?: string } }>,
  reply: FastifyReply,
  personalData: PersonalDataAtEdge,
  { version, json, servedBy, hasAttention, cached }: FoundOrder & MaybeWithAttention,
  cacheControl: string,
): Promise<FastifyReply> {
  const etag = `"${version}"`;
  // A cache must not keep personal data for good.
  const caching = cacheControl === forGood && personalData.opens(request, json) ? 'no-store' : cacheControl;
  reply.header('etag', etag).header('cache-control', caching).header('served-by', servedBy);
  if (hasAttention !== true && hasTag(request.headers['if-none-match'], etag))
    return await reply.code(304).send();
  reply.type('application/json; charset=utf-8');
  return await reply.send(await personalData.json(request, reply, json, cached));
}
