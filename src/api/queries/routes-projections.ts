import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { unreachable } from '../../order/unreachable.js';
import { answering } from '../../mongodb/durability.js';
import { feedHead } from '../../log/feed/feed.js';
import { ParkedEvent, Projections } from '../answer-shapes.js';
import { HttpProblem, problem } from '../problem.js';
import { Actors, closed, Id, Text, Version } from '../schemas.js';
import type { Http } from '../http.js';
import { intervene, listParked, type NotIntervened } from '../../log/views/feeding/interventions.js';
import { requestAnotherRebuild } from '../../log/views/rebuilding/request-rebuild.js';
import { rollBack } from '../../log/views/feeding/view-builds.js';
import { type ViewsStatus, viewsStatus } from '../../log/views/status.js';
import { storesOf } from '../../log/views/rebuilding/store-rebuild.js';
import { logs } from '../../logs.js';
import { orderLog } from '../../order-log.js';
import type { AnyView } from '../../log/views/view.js';
import type { ViewOfOrders } from '../../views/view.js';
import { viewNamed, views } from '../../views/views.js';
import { refusePositionBeyond } from './refuse-place.js';
import { page } from './schemas.js';

export interface ProjectionDeps {
  readonly db: Db;
  readonly client: Client;
  /** the task queue of the orders */
  readonly taskQueue: string;
}

const Count = Type.Integer();

const Intervened = closed({
  applied: Type.Integer({ description: 'how many events of the order were applied' }),
  remaining: Type.Integer({ description: 'events of the order that are still parked' }),
  parked: Type.Optional(closed({ version: Count, error: Type.String() })),
});

const Requested = closed({ name: Type.String(), rebuildId: Type.String() });
const NamePath = closed({ name: Type.String({ maxLength: 64 }) });
/** Refusals of a request to rebuild, roll back, retry or skip. */
const refusals = { 400: problem(400), 404: problem(404), 409: problem(409), 503: problem(503) };
const tags = ['operations'];
const location = '/v1/projections';

/** Views and stores derived from events: their state, rebuilds, roll-backs and parked events. */
export function registerProjections(app: Http, deps: ProjectionDeps): void {
  statusRoute(app, deps);
  rebuildRoute(app, deps);
  rollBackRoute(app, deps);
  parkedRoute(app, deps);
  interveneRoute(app, deps, 'retry');
  interveneRoute(app, deps, 'skip');
}

function statusRoute(app: Http, { db }: ProjectionDeps): void {
  app.get(
    '/v1/projections',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Position and lag of the feed, and of every view and store derived from events',
        tags,
        response: { 200: Projections, 503: problem(503) },
      },
    },
    async (_request, reply) => await reply.send(toAnswer(await viewsStatus(orderLog, db, views, storeNames))),
  );
}

function rebuildRoute(app: Http, { db, client, taskQueue }: ProjectionDeps): void {
  const requesting = { db, client, taskQueue };
  app.post(
    '/v1/projections/:name/rebuild',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Rebuild a view beside the one that is read, or the journal from the workflow histories',
        description: `A view across orders, or one of ${storeNames.join(', ')}. The rebuild continues if processes are restarted.`,
        tags,
        params: NamePath,
        body: closed({}),
        response: { 202: Requested, ...refusals },
      },
    },
    async (request, reply) => {
      const name = rebuildable(request.params.name);
      const rebuildId = await requestAnotherRebuild(requesting, name);
      if (rebuildId === undefined) throw underWay(name);
      return await reply.code(202).header('location', location).send({ name, rebuildId });
    },
  );
}

function rollBackRoute(app: Http, { db }: ProjectionDeps): void {
  app.post(
    '/v1/projections/:name/rollback',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Roll a view back to the build before the last rebuild',
        description:
          'At once. The build then catches up from its position. A second roll-back undoes the first. Earlier builds of `orders` and of the journal are not kept.',
        tags,
        params: NamePath,
        body: closed({}),
        response: {
          200: closed({ name: Type.String(), version: Count, position: Count }),
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const name = rebuildable(request.params.name);
      const state = await rollBack(db, name);
      if (state === undefined) throw noPreviousBuild(name);
      return await reply.send({ name, version: state.version, position: state.position });
    },
  );
}

function parkedRoute(app: Http, { db }: ProjectionDeps): void {
  app.get(
    '/v1/projections/:name/parked',
    {
      config: { access: 'ops', work: 'list' },
      schema: {
        summary: 'Events that a view could not apply, and later ones that wait for them',
        description: 'By position. Pass `nextCursor` on as `after`.',
        tags,
        params: NamePath,
        querystring: closed({
          orderId: Type.Optional(Id),
          after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1 })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 200 })),
        }),
        response: { 200: page(ParkedEvent), 400: problem(400), 404: problem(404), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const view = existing(request.params.name);
      const { limit = 200, ...query } = request.query;
      const found = await listParked(db, view, { ...query, limit: limit + 1 });
      const { after = 0 } = query;
      if (found.length === 0 && after > 0)
        refusePositionBeyond(after, await feedHead(orderLog, db, answering));
      const data = found.slice(0, limit).map(({ orderId, version, type, position, status, error, at }) => ({
        orderId,
        version,
        type,
        position,
        status,
        ...(error === undefined ? {} : { error }),
        at,
      }));
      const last = data.at(-1);
      const isLastPage = found.length <= limit || last === undefined;
      return await reply.send({ data, ...(isLastPage ? {} : { nextCursor: String(last.position) }) });
    },
  );
}

/** Retries or skips a parked event. */
function interveneRoute(app: Http, { db }: ProjectionDeps, action: 'retry' | 'skip'): void {
  app.post(
    `/v1/projections/:name/parked/:orderId/${action}`,
    {
      config: { access: 'ops' },
      schema: {
        summary: summaries[action],
        description:
          'Takes the first parked event of the order, which must be of `version` if that is given. Then the events that wait for it are applied, up to the next one that fails. The audit log records it.',
        tags,
        params: closed({ ...NamePath.properties, orderId: Id }),
        headers: Actors,
        body: closed({ reason: Text, version: Type.Optional(Version) }),
        response: { 200: Intervened, ...refusals },
      },
    },
    async (request, reply) => {
      const { name, orderId } = request.params;
      const view = existing(name);
      const { reason, version } = request.body;
      const { actor, onBehalfOf } = request.principal;
      const done = await intervene(orderLog, db, view, {
        action,
        orderId,
        actor,
        ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
        reason,
        ...(version === undefined ? {} : { version }),
      });
      if (done.kind !== 'done') throw refused(view, orderId, done);
      const { kind: _, ...answer } = done;
      return await reply.send(answer);
    },
  );
}

/** What is rebuilt, but is no view across orders. */
const storeNames = logs.flatMap(storesOf);

const summaries = {
  retry: 'Retry the event of an order that a view could not apply',
  skip: 'Skip the event of an order that a view could not apply',
};

/** @throws HttpProblem 404 if this is neither a view nor a store */
function rebuildable(name: string): string {
  return storeNames.find((store) => store === name) ?? existing(name).name;
}

function underWay(name: string): HttpProblem {
  const detail = `${name} is being rebuilt already: GET ${location} shows how far it is.`;
  return new HttpProblem(409, 'rebuild_under_way', detail);
}

function noPreviousBuild(name: string): HttpProblem {
  const remedy =
    name === 'orders' ? ' Deploy the older code, then rebuild it: POST /v1/projections/orders/rebuild.' : '';
  return new HttpProblem(409, 'no_previous_build', `No build of ${name} is kept to roll back to.${remedy}`);
}

function existing(name: string): ViewOfOrders {
  const view = viewNamed(name);
  if (view === undefined) throw unknown(name);
  return view;
}

function unknown(name: string): HttpProblem {
  const names = views.map((view) => view.name).join(', ');
  return new HttpProblem(404, 'projection_not_found', `There is no view ${name}. There are ${names}.`);
}

function refused({ name, version }: AnyView, orderId: string, reason: NotIntervened): HttpProblem {
  switch (reason.kind) {
    case 'nothing_parked':
      return new HttpProblem(404, 'nothing_parked', `${name} has no parked event of order ${orderId}.`);
    case 'other_version': {
      const detail = `The first parked event of order ${orderId} in ${name} is version ${reason.version}.`;
      return new HttpProblem(409, 'other_version_parked', detail, { version: reason.version });
    }
    case 'other_view_version': {
      const detail = `${name} was built by version ${reason.version} of its fold, this process has version ${version}: rebuild it first.`;
      return new HttpProblem(409, 'other_view_version', detail);
    }
    default:
      return unreachable(reason);
  }
}

function toAnswer({ feed, views: all, stores }: ViewsStatus): Projections {
  const named = stores.map(({ exceptions, ...store }) =>
    exceptions === undefined
      ? store
      : { ...store, exceptions: { ...exceptions, orderIds: [...exceptions.orderIds] } },
  );
  return { feed, views: [...all], stores: named };
}
