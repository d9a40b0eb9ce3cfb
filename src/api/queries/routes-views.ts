import type { Db } from 'mongodb';
import { type TProperties, Type } from 'typebox';
import { HttpProblem, problemResponses } from '../problem.js';
import { CursorParameter, limitParameter, NextCursor } from '../schemas/paging.js';
import { closed, Currency, Day, Id, Sku } from '../schemas/values.js';
import type { Http } from '../http.js';
import { BadParameter, Instant, type ParameterKind, type ViewQuery } from '../../views/query.js';
import { views } from '../../views/views.js';
import type { Cursors } from './cursor.js';
import { badQuery } from './query-parameters.js';

const AsOf = closed({
  position: Type.Integer({
    description: 'all events up to this position are in the answer, and none after it',
  }),
  at: Type.Optional(Instant),
});

const Flag = Type.Enum(['true', 'false']);
const kinds = { id: Id, sku: Sku, day: Day, currency: Currency, flag: Flag } satisfies Record<
  ParameterKind,
  unknown
>;
const tags = ['feed views'];
const prefix = '/v1/';

/**
 * Serves the queries of the feed views. Each answer names the position of the feed up to which its
 * view has applied the events.
 */
export function registerViewQueries(app: Http, deps: { readonly db: Db; readonly cursors: Cursors }): void {
  for (const { queries } of views) for (const query of queries) register(app, query, deps);
}

function register(
  app: Http,
  query: ViewQuery,
  { db, cursors }: { readonly db: Db; readonly cursors: Cursors },
): void {
  const { path, summary, description, keys, filters = {}, pageSize, body, notFound } = query;
  const paging = pageSize && {
    limit: limitParameter(pageSize.atMost, pageSize.byDefault),
    cursor: CursorParameter,
  };
  app.get(
    path,
    {
      config: { access: 'orders:read', ...(keys === undefined && { work: 'list' }) },
      schema: {
        summary,
        ...(description !== undefined && { description }),
        tags,
        ...(keys !== undefined && { params: closed(schemasOf(keys)) }),
        ...(keys === undefined && {
          querystring: closed({
            ...optional(schemasOf(filters)),
            ...paging,
          }),
        }),
        response: {
          200: closed({
            ...body,
            ...(paging && { nextCursor: NextCursor }),
            asOf: AsOf,
          }),
          ...problemResponses(400, 503),
          ...(notFound !== undefined && problemResponses(404)),
        },
      },
    },
    async (request, reply) => {
      // The schemas above ensure these types.
      const given = request.params as Readonly<Record<string, string>>;
      const { limit = pageSize?.byDefault ?? 1, cursor, ...filtered } = request.query as Paged & Filters;
      const list = listOf(path, filtered);
      const after = cursor === undefined ? {} : { after: cursors.read(list, cursor) };
      const asked = { keys: given, filters: filtered, page: { limit, ...after } };
      const { found, next, asOf } = await query.run(db, asked).catch(refuseParameter);
      if (found === undefined) {
        const detail = `${notFound?.detail(given)}, up to position ${asOf.position} of the feed.`;
        throw new HttpProblem(404, notFound?.code ?? 'not_found', detail);
      }
      return await reply.send({
        ...Object(found),
        ...(next && { nextCursor: cursors.write(list, next) }),
        asOf,
      });
    },
  );
}

interface Paged {
  readonly limit?: number;
  readonly cursor?: string;
}

type Filters = Readonly<Record<string, string>>;

/** What a cursor belongs to: the list, and the filters if there are any. */
function listOf(path: string, filters: Filters): unknown {
  const name = path.slice(prefix.length);
  const given = Object.entries(filters).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return given.length === 0 ? name : [name, ...given];
}

function schemasOf(parameters: Readonly<Record<string, ParameterKind>>): TProperties {
  return Object.fromEntries(Object.entries(parameters).map(([name, kind]) => [name, kinds[kind]]));
}

function optional(schemas: TProperties): TProperties {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, Type.Optional(schema)]));
}

function refuseParameter(error: unknown): never {
  if (error instanceof BadParameter) throw badQuery(error.parameter, error.message);
  throw error;
}
